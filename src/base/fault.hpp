#pragma once
// Deliberate faults, so that tests can kill, hang or corrupt a run at a named point:
//
//   BRAINMT_FAULT=<point>:<rank>:<step>:<action>      (only with BRAINMT_ALLOW_FAULTS=1; announced in the log)
//
// Points: step.begin, step.gradients, step.end, checkpoint.files, checkpoint.manifest, checkpoint.rename,
// checkpoint.latest, checkpoint.prune; prepare.staged, prepare.copy, prepare.commit. Actions: kill9, abort, hang and
// sleep (3 s) happen inside at(); enospc makes it throw OutputError; nan and bitflip are returned for the caller to
// carry out.
#include <cstdint>
#include <string_view>

namespace brainmt::fault {

enum class Action { kNone, kKill, kAbort, kHang, kSleep, kNoSpace, kNan, kBitflip };

/// To be called where a fault may be planted. Throws UsageError when BRAINMT_FAULT is malformed or not allowed.
Action at(std::string_view point, int rank, std::int64_t step);

}  // namespace brainmt::fault
