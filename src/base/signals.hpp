#pragma once
// Asking a running command to stop. The handlers only set a flag; the training loop looks at it between two steps,
// agrees over the ranks, writes a checkpoint and ends with exit code 75.

namespace brainmt {

/// SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 set the flag; a second SIGINT ends the process at once. SIGPIPE and SIGXFSZ are
/// ignored, so that a closed pipe or a file limit is an error of the write that meets it. Called once, by main().
void install_signal_handlers();

/// True after the first of these signals. On this rank only: schedulers may signal one rank of many.
bool stop_requested() noexcept;
/// The signal that was received ("SIGUSR1"), or "" before any.
const char* stop_reason() noexcept;

/// Sets or clears the flag without a signal.
void request_stop(bool requested = true) noexcept;

}  // namespace brainmt
