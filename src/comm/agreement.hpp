#pragma once
// Agreement on errors over ranks. Work that can fail on one rank alone (opening a file, parsing a row) ends with an
// agreement, so that no rank enters a collective without the failed one.
#include <exception>
#include <functional>

#include "comm/communicator.hpp"

namespace brainmt::comm {

/// Collective. `mine` is this rank's exception or null. Returns when no rank has one; otherwise every rank throws the
/// error of the lowest failed rank: same type, same exit code, same message, which starts with that rank when there are
/// several. An exception that is not ours counts as an internal error.
void agree_on_error(Communicator& comm, std::exception_ptr mine);

/// Collective. Runs `work`, which must not communicate over `comm` unless all its ranks do, and agrees on what it threw.
void run_agreed(Communicator& comm, const std::function<void()>& work);

}  // namespace brainmt::comm
