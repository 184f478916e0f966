#pragma once
// Asking a running command to stop. What happens then depends on the command:
//   training    the handler sets a flag; the loop looks at it between two steps, agrees over the ranks, writes a
//               checkpoint and ends with exit code 75
//   all others  on_stop(kEnd): a thread removes unfinished files (base/unfinished.hpp) and ends the process at once with
//               exit code 128 + signal. Files under their final names are complete
#include <optional>

namespace brainmt {

/// SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 set the flag; a second SIGINT ends the process at once. SIGPIPE and SIGXFSZ are
/// ignored, so that a closed pipe or a file limit is an error of the write that meets it. Called once, by main().
void install_signal_handlers();

/// Opens /dev/null for closed standard streams: else the next opened files would get descriptors 0 to 2, and output to
/// the streams would be written into them. Called first by main().
void hold_standard_streams();

/// True after the first of these signals. On this rank only: schedulers may signal one rank of many.
bool stop_requested() noexcept;
/// The signal that was received ("SIGUSR1"), or "" before any.
const char* stop_reason() noexcept;

/// Sets or clears the flag without a signal.
void request_stop(bool requested = true) noexcept;

enum class OnStop {
  kSetFlag,      // as described above
  kEnd,          // SIGINT and SIGTERM end the process
  kEndOnSecond,  // the second of them does, the first sets the flag
};
/// How the process ends.
struct Ending {
  bool speaks = true;      // print a line first
  bool continues = false;  // which says that the same command goes on from what is done
  /// The exit code instead of 128 + signal; SIGUSR1 and SIGUSR2 then end the process too.
  std::optional<int> exit_code = {};
  /// Wait 0.4 s before the exit, while the other ranks remove what they have not finished: Open MPI 4 sends SIGKILL to
  /// all ranks as soon as the first of those that it told to stop has ended.
  bool has_other_ranks = false;
};
/// From now on. Starts a thread when first called with anything but kSetFlag.
void on_stop(OnStop action, Ending ending = {});

}  // namespace brainmt
