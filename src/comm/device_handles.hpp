#pragma once
// Streams, events and page-locked blocks of a DeviceApi, owned. Events and blocks are kept and given out again, so that
// a steady training step makes none.
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "comm/device_api.hpp"
#include "comm/request.hpp"

namespace brainmt::comm {

class OwnedStream {
 public:
  explicit OwnedStream(DeviceApi& device) : device_(device), stream_(device.create_stream()) {}
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;
  ~OwnedStream() { device_.destroy_stream(stream_); }
  operator DeviceApi::Stream() const { return stream_; }  // NOLINT: converts to its stream

 private:
  DeviceApi& device_;
  DeviceApi::Stream stream_;
};

/// Outlives everything that it gave out.
class EventPool {
 public:
  explicit EventPool(DeviceApi& device) : device_(device) {}
  EventPool(const EventPool&) = delete;
  EventPool& operator=(const EventPool&) = delete;
  ~EventPool() {
    for (DeviceApi::Event event : free_) device_.destroy_event(event);
  }

  /// Goes back to the pool with its last owner.
  std::shared_ptr<void> take() {
    DeviceApi::Event event = nullptr;
    if (free_.empty()) {
      event = device_.create_event();
    } else {
      event = free_.back();
      free_.pop_back();
    }
    return {event, [this](DeviceApi::Event used) { free_.push_back(used); }};
  }

  /// An event recorded on `stream` now.
  std::shared_ptr<void> record(DeviceApi::Stream stream) {
    auto event = take();
    device_.record(event.get(), stream);
    return event;
  }

 private:
  DeviceApi& device_;
  std::vector<DeviceApi::Event> free_;
};

/// Work of a stream up to an event, as a request: wait() blocks the host.
class StreamMark final : public Request::Operation {
 public:
  StreamMark(DeviceApi& device, std::shared_ptr<void> event) : device_(device), event_(std::move(event)) {}
  bool test() override { return device_.is_done(event_.get()); }
  void wait() override {
    while (!test()) std::this_thread::yield();
  }

 private:
  DeviceApi& device_;
  std::shared_ptr<void> event_;
};

/// Page-locked memory by size; the sizes of a training step repeat. Outlives everything that it gave out.
class PinnedPool {
 public:
  explicit PinnedPool(DeviceApi& device) : device_(device) {}
  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;
  ~PinnedPool() {
    for (const auto& [bytes, block] : free_) device_.free_pinned(block);
  }

  std::shared_ptr<void> take(std::size_t bytes) {
    void* block = nullptr;
    if (const auto found = free_.find(bytes); found != free_.end()) {
      block = found->second;
      free_.erase(found);
    } else {
      block = device_.allocate_pinned(bytes);
    }
    return {block, [this, bytes](void* used) { free_.emplace(bytes, used); }};
  }

 private:
  DeviceApi& device_;
  std::multimap<std::size_t, void*> free_;
};

}  // namespace brainmt::comm
