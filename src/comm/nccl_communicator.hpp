#pragma once
// The communicator over NCCL, for memory of the process's device. It is made over another communicator, which stays in
// use for what is the host's (barriers, byte strings), and bound to one compute stream.
//
// Operations run on a stream of their own, ordered against the compute stream by events both ways; the host is not
// blocked. NCCL never blocks here: the host polls, so an error of another rank, or no progress for `timeout`, ends in
// an abort of NCCL's kernels and a CommError that says which rank, which operation, and what to look at. Waits for
// results on the host go through settle(), which polls; after an error every call throws it again.
//
// While the compute stream is being captured (a CUDA graph), the same events fork the communication stream into the
// capture and join it back; the host asks for none of them, which would be an error. What is watched then is an event
// behind each launch. NCCL requires that all ranks launch an operation or none, and does not end before the graphs that
// hold its operations do.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "comm/device_handles.hpp"
#include "comm/nccl_api.hpp"

namespace brainmt::comm {

class NcclCommunicator final : public Communicator {
 public:
  using Seconds = std::chrono::duration<double>;

  struct Settings {
    Seconds timeout{0};                            // 0: for ever
    std::size_t max_count = std::size_t{1} << 30;  // elements of one NCCL call; longer buffers go as a group of calls
  };

  /// Collective over `host`: all ranks succeed, or all throw the same CommError. `host`, `nccl`, `device` and `compute`
  /// outlive the communicator, and it outlives its requests.
  NcclCommunicator(Communicator& host, NcclApi& nccl, DeviceApi& device, DeviceApi::Stream compute,
                   const Settings& settings);
  /// Collective where all went well; otherwise aborts at once.
  ~NcclCommunicator() override;

  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }

  void all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) override;
  Request all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) override;
  void reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type, ReduceOp op) override;
  void all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) override;
  /// Host memory, over the communicator that this one was made from; so is barrier(), behind a settle().
  std::vector<std::vector<std::byte>> all_gather_bytes(std::span<const std::byte> mine) override;
  void broadcast(void* data, std::size_t count, DataType type, int root) override;
  void barrier() override;
  Request exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type, int tag) override;

  bool stream_ordered() const override { return true; }
  Request work_done() override;
  void settle() override;

  bool can_capture() const override { return true; }
  void begin_capture() override;
  void end_capture() noexcept override;
  void launched() override;
  void on_abort(std::function<void()> drop) override { drop_graphs_ = std::move(drop); }

 private:
  using Clock = std::chrono::steady_clock;
  class Operation;

  void connect();
  /// enqueue(first, chunk) for the pieces of [0, count), as groups on the communication stream. It starts after what
  /// the compute stream holds now.
  template <class Enqueue>
  Request launch(const char* name, std::size_t count, Enqueue&& enqueue);
  void refuse_after_failure() const;
  /// A call's answer; kInProgress is one of the good ones.
  void check(NcclStatus status, const char* name);
  /// Until NCCL has put on the stream what it was given.
  void wait_until_enqueued(const char* name);
  /// Asks NCCL for errors and the clock for the limit.
  void check_progress(const char* name, Clock::time_point since);
  [[noreturn]] void fail(const char* name, const std::string& what);
  void abort() noexcept;
  bool finalize() noexcept;

  Communicator& host_;
  NcclApi& nccl_;
  DeviceApi& device_;
  DeviceApi::Stream compute_;
  Settings settings_;
  OwnedStream stream_;  // where NCCL runs
  EventPool events_;
  NcclApi::Comm comm_ = nullptr;       // null: not made yet, or aborted
  std::optional<std::string> broken_;  // the error after which nothing works any more
  std::shared_ptr<void> last_;         // the end of the newest operation; null: settled
  const char* last_name_ = "";
  bool capturing_ = false;
  std::function<void()> drop_graphs_;
  int exceptions_at_start_;
};

}  // namespace brainmt::comm
