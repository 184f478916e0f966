#pragma once
// Interface of a communicator: a group of ranks and its operations. Passed by reference, never global; several may
// exist (say, one for data and one for frames split over ranks).
//
// Every operation is collective over the communicator, in the same order on all its ranks, except `exchange`, which
// concerns two. Buffers are given as pointer, `count` (elements, never bytes; any size) and type. Failures throw
// CommError naming rank and operation.
//
// A backend for device memory is bound to a compute stream when it is made, so no operation takes one. An operation
// begins when the work that the stream held at its start is done; waiting for its request orders the stream behind it.
// Operations that return no request, and settle(), block the host until the result is complete.
//
// Backends: SelfCommunicator (one rank, no library), MpiCommunicator; for device memory NcclCommunicator, and
// StagedCommunicator, which goes through the host and any of the others.
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "comm/request.hpp"
#include "comm/types.hpp"

namespace brainmt::comm {

class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// data[i] := reduction over ranks of data[i]. The order of a floating-point sum is the library's choice.
  virtual void all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) = 0;
  virtual Request all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) = 0;
  /// receive[i] := reduction over ranks of send[rank() * count_per_rank + i]; send holds size() * count_per_rank.
  virtual void reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type,
                              ReduceOp op) = 0;
  /// receive[r * count_per_rank + i] := send[i] of rank r.
  virtual void all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) = 0;
  /// The byte strings of all ranks, by rank; each rank may send another number of bytes.
  virtual std::vector<std::vector<std::byte>> all_gather_bytes(std::span<const std::byte> mine) = 0;
  virtual void broadcast(void* data, std::size_t count, DataType type, int root) = 0;
  virtual void barrier() = 0;

  /// Sends `count` elements to `peer` and receives as many from it; send and receive must not overlap. The tag, in [0,
  /// kMaxTag], distinguishes concurrent exchanges with one peer.
  virtual Request exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type,
                                 int tag) = 0;
  void exchange(int peer, const void* send, void* receive, std::size_t count, DataType type) {
    exchange_async(peer, send, receive, count, type, 0).wait();
    settle();
  }

  /// Whether waiting for a request only orders a stream. Exchanges with one peer are then matched in the order of their
  /// start, ignoring tags, so all ranks must start theirs in a consistent order.
  virtual bool stream_ordered() const { return false; }
  /// Finished when the work that the compute stream holds now is done; host memory has no stream.
  virtual Request work_done() { return {}; }
  /// Returns when every operation that was started is finished. Finds ranks that are gone where wait() cannot.
  virtual void settle() {}

  // Operations under capture (base/capture.hpp). All ranks capture, and launch, the same operations in the same order,
  // or none of them does.

  /// Whether operations can be captured.
  virtual bool can_capture() const { return false; }
  /// Operations that are started until end_capture() are captured and do not run: their requests order the compute
  /// stream, and must be waited for, never tested.
  virtual void begin_capture() {}
  virtual void end_capture() noexcept {}
  /// A graph that holds operations of this communicator was launched on the compute stream: settle() watches it.
  virtual void launched() {}
  /// `drop` must destroy all graphs: it is called before running operations are aborted, since a library does not end
  /// while a graph may use it. Null: none. Throws nothing.
  virtual void on_abort(std::function<void()> /*drop*/) {}

  static constexpr int kMaxTag = 32767;  // what MPI guarantees at least
};

/// One value in, the reduction over ranks out.
template <class T>
T all_reduce_value(Communicator& comm, T value, ReduceOp op) {
  comm.all_reduce(&value, 1, data_type_of<T>, op);
  return value;
}

}  // namespace brainmt::comm
