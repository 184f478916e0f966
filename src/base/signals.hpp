#pragma once
// Asking a running command to stop. The handlers only set a flag; the training loop looks at it between two steps,
// agrees over the ranks, writes a checkpoint and ends with exit code 75.

namespace brainmt {

/// SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 set the flag; a second SIGINT ends the process at once. SIGPIPE and SIGXFSZ are
/// ignored, so that a closed pipe or a file limit is an error of the write that meets it. Called once, by main().
void install_signal_handlers();

/// Opens /dev/null in the place of standard streams that are closed. Otherwise the next files that are opened would
/// take their numbers, and what is meant for a stream would be written into them. Called first of all, by main().
void hold_standard_streams();

/// True after the first of these signals. On this rank only: schedulers may signal one rank of many.
bool stop_requested() noexcept;
/// The signal that was received ("SIGUSR1"), or "" before any.
const char* stop_reason() noexcept;

/// Sets or clears the flag without a signal.
void request_stop(bool requested = true) noexcept;

}  // namespace brainmt
