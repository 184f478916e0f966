#pragma once
// Errors that all ranks share. Work that can fail on one rank alone (opening a file, parsing a row) ends with an
// agreement, so that no rank goes on into a collective where the failed one is missing.
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "comm/communicator.hpp"

namespace brainmt::comm {

/// Collective. Returns when no rank has an error; otherwise every rank throws the error of the lowest failed rank: the
/// same exit code and the same message, which starts with that rank when there are several.
void agree_on_error(Communicator& comm, const std::optional<Error>& mine);

/// Collective. Runs `work`, which must not communicate over `comm`, and agrees on what it threw. An exception that is
/// not ours counts as an internal error.
void run_agreed(Communicator& comm, const std::function<void()>& work);

}  // namespace brainmt::comm
