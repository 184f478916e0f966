#include "comm/agreement.hpp"

#include <string>

namespace brainmt::comm {

void agree_on_error(Communicator& comm, const std::optional<Error>& mine) {
  const std::int64_t nobody = comm.size();
  const std::int64_t failed = all_reduce_value(comm, mine ? std::int64_t{comm.rank()} : nobody, ReduceOp::kMin);
  if (failed == nobody) return;
  if (comm.size() == 1) throw *mine;

  const int root = static_cast<int>(failed);
  std::string message;
  std::int64_t header[2] = {};  // exit code, bytes of the message
  if (comm.rank() == root) {
    message = fmt::format("rank {}: {}", root, mine->what());
    header[0] = static_cast<std::int64_t>(mine->code());
    header[1] = static_cast<std::int64_t>(message.size());
  }
  comm.broadcast(header, 2, DataType::kInt64, root);
  message.resize(static_cast<std::size_t>(header[1]));
  comm.broadcast(message.data(), message.size(), DataType::kByte, root);
  throw Error(static_cast<ExitCode>(header[0]), message);
}

void run_agreed(Communicator& comm, const std::function<void()>& work) {
  std::optional<Error> mine;
  try {
    work();
  } catch (const Error& error) {
    mine = error;
  } catch (const std::exception& error) {
    mine = InternalError(error.what());
  }
  agree_on_error(comm, mine);
}

}  // namespace brainmt::comm
