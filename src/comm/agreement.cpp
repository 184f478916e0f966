#include "comm/agreement.hpp"

#include <string>

#include "base/error.hpp"

namespace brainmt::comm {
namespace {

Error as_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return InternalError(error.what());
  } catch (...) {
    return InternalError("an exception of unknown type");
  }
}

}  // namespace

void agree_on_error(Communicator& comm, std::exception_ptr mine) {
  const std::int64_t none = comm.size();
  const std::int64_t failed = all_reduce_value(comm, mine ? std::int64_t{comm.rank()} : none, ReduceOp::kMin);
  if (failed == none) return;

  const int root = static_cast<int>(failed);
  std::string message;
  std::int64_t header[2] = {};  // exit code, bytes of the message
  if (comm.rank() == root) {
    const Error error = as_error(mine);
    message = comm.size() == 1 ? error.what() : fmt::format("rank {}: {}", root, error.what());
    header[0] = static_cast<std::int64_t>(error.code());
    header[1] = static_cast<std::int64_t>(message.size());
  }
  comm.broadcast(header, 2, DataType::kInt64, root);
  message.resize(static_cast<std::size_t>(header[1]));
  comm.broadcast(message.data(), message.size(), DataType::kByte, root);
  throw_error(static_cast<ExitCode>(header[0]), message);
}

void run_agreed(Communicator& comm, const std::function<void()>& work) {
  std::exception_ptr mine;
  try {
    work();
  } catch (...) {
    mine = std::current_exception();
  }
  agree_on_error(comm, mine);
}

}  // namespace brainmt::comm
