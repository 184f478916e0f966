#pragma once
// What communication needs of a device's runtime: streams, events, copies, page-locked memory. The CUDA runtime is one
// (cuda/runtime.hpp); tests have another that runs streams in the worst order that events allow. Handles are
// opaque, so that nothing here needs CUDA. Functions throw CommError naming rank and call.
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
  /// The event stands for the work that `stream` holds now; it may be recorded again.
  virtual void record(Event event, Stream stream) = 0;
  /// Whether the work behind the event's last record is done.
  virtual bool is_done(Event event) = 0;
  /// What `stream` is given from now on begins after the event's last record. The host goes on.
  virtual void wait(Stream stream, Event event) = 0;
  /// Copies in the order of `stream`, between device and page-locked memory in either direction. The host goes on.
  virtual void copy(const void* from, void* to, std::size_t bytes, Stream stream) = 0;
  virtual void* allocate_pinned(std::size_t bytes) = 0;
  virtual void free_pinned(void* block) noexcept = 0;
};

}  // namespace brainmt::comm
