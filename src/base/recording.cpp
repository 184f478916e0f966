#include "base/recording.hpp"

#include "base/error.hpp"

namespace brainmt {
namespace {

thread_local int guards = 0;

}  // namespace

RecordingGuard::RecordingGuard() { ++guards; }
RecordingGuard::~RecordingGuard() { --guards; }

void refuse_while_recording(const char* what) {
  if (guards > 0) [[unlikely]]
    throw InternalError(
        fmt::format("{} while a step is being recorded: it would happen once and never again; device.graphs=false runs "
                    "without records",
                    what));
}

}  // namespace brainmt
