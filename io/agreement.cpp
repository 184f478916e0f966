#include "io/agreement.hpp"

#include <string>

#include "base/error.hpp"

namespace brainmt::io {
namespace {

struct Report {
  int code = 0;
  std::string message;
};

Report describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  } catch (const std::exception& error) {
    return {static_cast<int>(ExitCode::kInternal), error.what()};
  } catch (...) {
    return {static_cast<int>(ExitCode::kInternal), "unknown error"};
  }
}

[[noreturn]] void throw_report(const Report& report) {
  switch (static_cast<ExitCode>(report.code)) {
    case ExitCode::kUsage:
      throw UsageError(report.message);
    case ExitCode::kData:
      throw DataError(report.message);
    case ExitCode::kNonFinite:
      throw NonFiniteError(report.message);
    case ExitCode::kComm:
      throw CommError(report.message);
    case ExitCode::kOutput:
      throw OutputError(report.message);
    default:
      throw InternalError(report.message);
  }
}

}  // namespace

void agree(MPI_Comm comm, std::exception_ptr failure) {
  int rank = 0, ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const int mine = failure ? rank : ranks;
  int lowest = ranks;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm);
  if (lowest == ranks) return;

  Report report;
  if (rank == lowest) {
    report = describe(failure);
    if (ranks > 1) report.message = fmt::format("rank {}: {}", rank, report.message);
  }
  int header[2] = {report.code, static_cast<int>(report.message.size())};
  MPI_Bcast(header, 2, MPI_INT, lowest, comm);
  report.code = header[0];
  report.message.resize(static_cast<std::size_t>(header[1]));
  MPI_Bcast(report.message.data(), header[1], MPI_CHAR, lowest, comm);
  throw_report(report);
}

}  // namespace brainmt::io
