#pragma once
// Interface of a device runtime for communication: streams, events, copies, page-locked memory. Implementations: the
// CUDA runtime (cuda/runtime.hpp), and a fake for tests that runs streams in the worst order that events allow. Handles
// are opaque, so that nothing here needs CUDA. Functions throw CommError naming rank and call.
#include <cstddef>

namespace brainmt::comm {

class DeviceApi {
 public:
  using Stream = void*;  // null: the device's default stream
  using Event = void*;

  virtual ~DeviceApi() = default;

  /// Independent of the default stream.
  virtual Stream create_stream() = 0;
  virtual void destroy_stream(Stream stream) noexcept = 0;
  virtual Event create_event() = 0;
  virtual void destroy_event(Event event) noexcept = 0;
  /// Records the event on `stream` (cudaEventRecord); it may be recorded again.
  virtual void record(Event event, Stream stream) = 0;
  /// True if the work before the event's last record is complete.
  virtual bool is_done(Event event) = 0;
  /// Later work of `stream` waits for the event's last record. Does not block the host.
  virtual void wait(Stream stream, Event event) = 0;
  /// Copies in the order of `stream`, between device and page-locked memory in either direction. Does not block the
  /// host.
  virtual void copy(const void* from, void* to, std::size_t bytes, Stream stream) = 0;
  virtual void* allocate_pinned(std::size_t bytes) = 0;
  virtual void free_pinned(void* block) noexcept = 0;
};

}  // namespace brainmt::comm
