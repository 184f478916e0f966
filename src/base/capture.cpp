#include "base/capture.hpp"

#include "base/error.hpp"

namespace brainmt {
namespace {

thread_local int guards = 0;

}  // namespace

CaptureGuard::CaptureGuard() { ++guards; }
CaptureGuard::~CaptureGuard() { --guards; }

void refuse_while_capturing(const char* what) {
  if (guards > 0) [[unlikely]]
    throw InternalError(
        fmt::format("{} while a step is being captured: it would happen once and never again; device.graphs=false runs "
                    "without captured steps",
                    what));
}

}  // namespace brainmt
