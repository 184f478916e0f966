#include "base/error.hpp"

namespace brainmt::detail {

void fail_check(const char* file, int line, const char* condition, const std::string& message) {
  throw InternalError(
      fmt::format("{}:{}: check failed: {}{}{}", file, line, condition, message.empty() ? "" : ": ", message));
}

}  // namespace brainmt::detail
