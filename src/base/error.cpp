#include "base/error.hpp"

namespace brainmt {

void throw_error(ExitCode code, const std::string& what) {
  switch (code) {
    case ExitCode::kUsage:
      throw UsageError(what);
    case ExitCode::kData:
      throw DataError(what);
    case ExitCode::kNonFinite:
      throw NonFiniteError(what);
    case ExitCode::kComm:
      throw CommError(what);
    case ExitCode::kOutput:
      throw OutputError(what);
    default:
      throw InternalError(what);
  }
}

void detail::fail_check(const char* file, int line, const char* condition, const std::string& message) {
  throw InternalError(
      fmt::format("{}:{}: check failed: {}{}{}", file, line, condition, message.empty() ? "" : ": ", message));
}

}  // namespace brainmt
