#pragma once
// Errors that end a command. Each carries the exit code of the command-line contract, so that main() only prints
// what() as one line and returns code(). Messages name the file, key or rank, what was expected, what was found,
// and what to try.
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace brainmt {

enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,        // usage or configuration
  kData = 3,         // bad input data: scan, table, cohort, weights
  kNonFinite = 4,    // training became non-finite
  kComm = 5,         // communication failure or hang
  kOutput = 6,       // output could not be written
  kInternal = 70,    // a bug
  kInterrupted = 75  // stopped after a complete checkpoint: run again to continue
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& what) : std::runtime_error(what), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

template <ExitCode Code>
struct ErrorOf : Error {
  explicit ErrorOf(const std::string& what) : Error(Code, what) {}
};

using UsageError = ErrorOf<ExitCode::kUsage>;
using DataError = ErrorOf<ExitCode::kData>;
using NonFiniteError = ErrorOf<ExitCode::kNonFinite>;
using CommError = ErrorOf<ExitCode::kComm>;
using OutputError = ErrorOf<ExitCode::kOutput>;
using InternalError = ErrorOf<ExitCode::kInternal>;

/// Throws the type of error that has this code: InternalError for codes that are not errors.
[[noreturn]] void throw_error(ExitCode code, const std::string& what);

namespace detail {
[[noreturn]] void fail_check(const char* file, int line, const char* condition, const std::string& message);
}

}  // namespace brainmt

// Checks an internal precondition; a failure is a bug (exit 70). Extra arguments are a fmt message.
#define BRAINMT_CHECK(condition, ...)                                                             \
  do {                                                                                            \
    if (!(condition)) [[unlikely]]                                                                \
      ::brainmt::detail::fail_check(__FILE__, __LINE__, #condition, fmt::format("" __VA_ARGS__)); \
  } while (false)
