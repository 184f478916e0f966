#include "comm/staged_communicator.hpp"

#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"

namespace brainmt::comm {

struct StagedCommunicator::Transfer {
  enum class State { kOut, kCrossing, kBack };

  void* to = nullptr;
  std::size_t bytes_back = 0;
  std::shared_ptr<void> send, receive;  // page-locked; one block where the crossing works in place
  Crossing crossing;
  State state = State::kOut;
  std::shared_ptr<void> moved;  // event: out, or back, is done
  Request request;
};

class StagedCommunicator::Operation final : public Request::Operation {
 public:
  Operation(StagedCommunicator& comm, std::shared_ptr<Transfer> transfer)
      : comm_(comm), transfer_(std::move(transfer)) {}
  ~Operation() override {
    try {
      wait();
    } catch (const Error& error) {
      log::warn("{}", error.what());
    }
  }

  bool test() override {
    comm_.progress();
    is_done_ =
        is_done_ || (transfer_->state == Transfer::State::kBack && comm_.device_.is_done(transfer_->moved.get()));
    return is_done_;
  }
  void wait() override {
    if (is_done_) return;
    for (comm_.progress(); transfer_->state != Transfer::State::kBack; comm_.progress()) std::this_thread::yield();
    comm_.device_.wait(comm_.compute_, transfer_->moved.get());
    is_done_ = true;
  }

 private:
  StagedCommunicator& comm_;
  std::shared_ptr<Transfer> transfer_;
  bool is_done_ = false;
};

StagedCommunicator::StagedCommunicator(Communicator& host, DeviceApi& device, DeviceApi::Stream compute)
    : host_(host), device_(device), compute_(compute), out_(device), back_(device), events_(device), pinned_(device) {}

StagedCommunicator::~StagedCommunicator() {
  try {
    settle();
  } catch (const Error& error) {
    log::warn("{}", error.what());
  }
  pending_.clear();  // their blocks go back to the pools first
  returning_.clear();
}

Request StagedCommunicator::transfer(const void* from, std::size_t bytes_out, void* to, std::size_t bytes_back,
                                     bool in_place, Crossing crossing) {
  auto transfer = std::make_shared<Transfer>();
  transfer->to = to;
  transfer->bytes_back = bytes_back;
  transfer->crossing = std::move(crossing);
  transfer->send = pinned_.take(bytes_out);
  transfer->receive = in_place ? transfer->send : pinned_.take(bytes_back);
  const auto computed = events_.record(compute_);
  device_.wait(out_, computed.get());
  device_.copy(from, transfer->send.get(), bytes_out, out_);
  transfer->moved = events_.record(out_);
  pending_.push_back(transfer);
  progress();
  return Request(std::make_unique<Operation>(*this, std::move(transfer)));
}

void StagedCommunicator::send_back(Transfer& transfer) {
  device_.copy(transfer.receive.get(), transfer.to, transfer.bytes_back, back_);
  transfer.moved = events_.record(back_);
  transfer.state = Transfer::State::kBack;
}

void StagedCommunicator::progress() {
  using State = Transfer::State;
  for (const auto& transfer : pending_) {
    if (transfer->state == State::kOut) {
      if (!device_.is_done(transfer->moved.get())) break;  // a later one must not cross before it
      transfer->request = transfer->crossing(transfer->send.get(), transfer->receive.get());
      transfer->state = State::kCrossing;
    }
    if (transfer->state == State::kCrossing && transfer->request.test()) {
      send_back(*transfer);
      returning_.push_back(transfer);
    }
  }
  std::erase_if(pending_, [](const auto& transfer) { return transfer->state == State::kBack; });
  while (!returning_.empty() && device_.is_done(returning_.front()->moved.get())) returning_.pop_front();
}

Request StagedCommunicator::work_done() {
  return Request(std::make_unique<StreamMark>(device_, events_.record(compute_)));
}

void StagedCommunicator::settle() {
  for (progress(); !pending_.empty() || !returning_.empty(); progress()) std::this_thread::yield();
}

void StagedCommunicator::run(const void* from, std::size_t bytes_out, void* to, std::size_t bytes_back,
                             Crossing crossing) {
  if (bytes_out + bytes_back > 0)
    transfer(from, bytes_out, to, bytes_back, /*in_place=*/false, std::move(crossing)).wait();
  settle();
}

Request StagedCommunicator::all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  if (count == 0) return {};
  const std::size_t bytes = count * bytes_of(type);
  return transfer(data, bytes, data, bytes, /*in_place=*/true, [this, count, type, op](void* block, void*) {
    return host_.all_reduce_async(block, count, type, op);
  });
}

void StagedCommunicator::all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) {
  all_reduce_async(data, count, type, op).wait();
  settle();
}

void StagedCommunicator::reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type,
                                        ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  const std::size_t bytes = count_per_rank * bytes_of(type);
  run(send, bytes * static_cast<std::size_t>(size()), receive, bytes, [=, this](void* out, void* in) {
    host_.reduce_scatter(out, in, count_per_rank, type, op);
    return Request();
  });
}

void StagedCommunicator::all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) {
  const std::size_t bytes = count_per_rank * bytes_of(type);
  run(send, bytes, receive, bytes * static_cast<std::size_t>(size()), [=, this](void* out, void* in) {
    host_.all_gather(out, in, count_per_rank, type);
    return Request();
  });
}

std::vector<std::vector<std::byte>> StagedCommunicator::all_gather_bytes(std::span<const std::byte> mine) {
  return host_.all_gather_bytes(mine);
}

void StagedCommunicator::broadcast(void* data, std::size_t count, DataType type, int root) {
  const std::size_t bytes = count * bytes_of(type);
  if (bytes > 0) {
    transfer(data, bytes, data, bytes, /*in_place=*/true, [=, this](void* block, void*) {
      host_.broadcast(block, count, type, root);
      return Request();
    }).wait();
  }
  settle();
}

void StagedCommunicator::barrier() {
  settle();
  host_.barrier();
}

Request StagedCommunicator::exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type,
                                           int tag) {
  BRAINMT_CHECK(tag >= 0 && tag <= kMaxTag, "tag {}", tag);
  if (count == 0) return {};
  const std::size_t bytes = count * bytes_of(type);
  return transfer(send, bytes, receive, bytes, /*in_place=*/false,
                  [=, this](void* out, void* in) { return host_.exchange_async(peer, out, in, count, type, tag); });
}

}  // namespace brainmt::comm
