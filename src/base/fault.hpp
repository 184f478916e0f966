#pragma once
// Fault injection: tests kill, hang or corrupt a run at a named point:
//
//   BRAINMT_FAULT=<point>:<rank>:<step>:<action>      (only with BRAINMT_ALLOW_FAULTS=1; announced in the log)
//
// <step> may be `*`: every step.
// Points: program.begin (before MPI), start, load, step.begin, step.batch, step.gradients, step.agree, step.end,
// validation, checkpoint.copied, checkpoint.files, checkpoint.manifest, checkpoint.rename, checkpoint.latest,
// checkpoint.prune, end; prepare.staged, prepare.copy, prepare.commit; embed.row, embed.commit. Actions: kill9, abort,
// hang and sleep (3 s; sleep=0.1 another time) happen inside at(); enospc and eio make it throw OutputError; nan,
// bitflip, spike (of the loss) and skip (a collective call) are returned for the caller to carry out.
#include <cstdint>
#include <string_view>

namespace brainmt::fault {

enum class Action { kNone, kKill, kAbort, kHang, kSleep, kNoSpace, kBadDevice, kNan, kBitflip, kSpike, kSkip };

/// Marks a point at which a fault can be injected. Throws UsageError when BRAINMT_FAULT is malformed or not allowed.
Action at(std::string_view point, int rank, std::int64_t step);

}  // namespace brainmt::fault
