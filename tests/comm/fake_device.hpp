#pragma once
// A device without a device: streams are queues that run only while somebody asks for an event, in an order drawn at
// random from all that events allow, so that a missing event shows as wrong numbers. Device memory has addresses that
// the host cannot touch; what lies there is found through host().
//
// A stream can be captured, by CUDA's rules: what it is given is kept and does not run; streams that wait for an event
// of the capture join it, and must be waited for in turn before it ends; its events mean nothing outside of it, and
// no event may be queried meanwhile.
#include <sys/mman.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "comm/device_api.hpp"
#include "comm/gradient_memory.hpp"

namespace brainmt::comm {

class FakeDevice final : public DeviceApi {
 public:
  /// A piece of work: returns whether it is done; asked again until it is.
  using Work = std::function<bool()>;

  explicit FakeDevice(std::uint64_t seed) : random_(seed, 0) {
    memory_ = static_cast<std::byte*>(::mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    BRAINMT_CHECK(memory_ != MAP_FAILED);
  }
  FakeDevice(const FakeDevice&) = delete;
  FakeDevice& operator=(const FakeDevice&) = delete;
  ~FakeDevice() override { ::munmap(memory_, kBytes); }

  /// Memory of the device, aligned to 64 bytes, zeroed.
  void* allocate(std::size_t bytes) {
    void* const block = memory_ + used_;
    used_ += (bytes + 63) / 64 * 64;
    BRAINMT_CHECK(used_ <= kBytes, "the fake device is full");
    return block;
  }
  /// Where the host finds what lies at an address; other pointers are the host's already.
  template <class T>
  T* host(T* address) {
    const auto* const at = reinterpret_cast<const std::byte*>(address);
    if (at < memory_ || at >= memory_ + kBytes) return address;
    return reinterpret_cast<T*>(contents_.data() + (at - memory_));
  }
  void* host(void* address) { return host(static_cast<std::byte*>(address)); }
  const void* host(const void* address) { return host(static_cast<const std::byte*>(address)); }

  void enqueue(Stream stream, Work work) {
    if (captures(stream))
      capture_->nodes.push_back({.stream = stream, .work = std::move(work)});
    else
      queue(stream).push_back(std::move(work));
  }

  /// One piece of captured work: `work`; or, without it, the record of an event or the wait for that of node `awaited`.
  struct Node {
    Stream stream = nullptr;
    Work work = {};
    std::optional<std::size_t> awaited = {};
  };
  using Graph = std::vector<Node>;

  void begin_capture(Stream stream) { capture_.emplace(Capture{.origin = stream, .members = {stream}}); }
  /// Throws where a stream that joined was not joined back.
  Graph end_capture() {
    const Capture done = std::move(*capture_);
    capture_.reset();
    for (const Stream member : done.members) {
      std::size_t last = 0;
      bool is_joined = member == done.origin;
      for (std::size_t i = 0; i < done.nodes.size(); ++i)
        if (done.nodes[i].stream == member) last = i;
      for (const Node& node : done.nodes) is_joined |= node.stream == done.origin && node.awaited == last;
      if (!is_joined) throw CommError(fmt::format("{} was not joined to the capture", name(member)));
    }
    return done.nodes;
  }
  /// The streams run it once, each behind what it holds already.
  void launch(const Graph& graph) {
    std::map<std::size_t, std::shared_ptr<bool>> recorded;
    for (std::size_t i = 0; i < graph.size(); ++i) {
      const Node& node = graph[i];
      if (node.work) {
        enqueue(node.stream, node.work);
      } else if (node.awaited) {
        enqueue(node.stream, [done = recorded.at(*node.awaited)] { return *done; });
      } else {
        const auto done = recorded[i] = std::make_shared<bool>(false);
        enqueue(node.stream, [done] { return *done = true; });
      }
    }
  }

  /// Runs everything that can run.
  void run_all() {
    while (run_something()) {
    }
  }
  /// In the order in which the host made them.
  std::vector<std::string> calls;
  std::size_t pinned_blocks = 0, events_made = 0;

  Stream create_stream() override {
    streams_.push_back(std::make_unique<Queue>());
    return streams_.back().get();
  }
  void destroy_stream(Stream stream) noexcept override { queue(stream).clear(); }
  Event create_event() override {
    events_.push_back(std::make_unique<Recorded>());
    ++events_made;
    return events_.back().get();
  }
  void destroy_event(Event) noexcept override {}
  void record(Event event, Stream stream) override {
    calls.push_back("record on " + name(stream));
    if (capture_) capture_->events.erase(event);
    in_captures_.erase(event);
    if (captures(stream)) {
      in_captures_.insert(event);
      capture_->events[event] = capture_->nodes.size();
      capture_->nodes.push_back({.stream = stream});
      return;
    }
    auto done = std::make_shared<bool>(false);
    *static_cast<Recorded*>(event) = done;
    enqueue(stream, [done] { return *done = true; });
  }
  bool is_done(Event event) override {
    if (capture_) throw CommError("an event is asked for while a stream is being captured");
    if (in_captures_.contains(event)) throw CommError("an event of a capture is asked for");
    // None to several pieces: what one look at the device sees may be far ahead of the look before it.
    for (std::size_t pieces = random_.below(8); pieces > 0; --pieces) run_something();
    const Recorded& done = *static_cast<Recorded*>(event);
    return !done || *done;
  }
  void wait(Stream stream, Event event) override {
    calls.push_back(name(stream) + " waits");
    if (in_captures_.contains(event)) {
      if (!capture_ || !capture_->events.contains(event)) throw CommError("an event of a capture that has ended");
      capture_->members.insert(stream);
      capture_->nodes.push_back({.stream = stream, .awaited = capture_->events[event]});
      return;
    }
    if (captures(stream)) throw CommError("a captured stream waits for an event from outside");
    enqueue(stream, [done = *static_cast<Recorded*>(event)] { return !done || *done; });
  }
  void copy(const void* from, void* to, std::size_t bytes, Stream stream) override {
    calls.push_back("copy on " + name(stream));
    enqueue(stream, [this, from, to, bytes] {
      std::copy_n(static_cast<const std::byte*>(host(from)), bytes, static_cast<std::byte*>(host(to)));
      return true;
    });
  }
  void* allocate_pinned(std::size_t bytes) override {
    ++pinned_blocks;
    return ::operator new(bytes);
  }
  void free_pinned(void* block) noexcept override {
    --pinned_blocks;
    ::operator delete(block);
  }

  /// "compute" is the first that was made, "side 1" the second, ...
  std::string name(Stream stream) const {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].get() == stream) return i == 0 ? "compute" : fmt::format("side {}", i);
    }
    return "?";
  }

 private:
  using Queue = std::deque<Work>;
  using Recorded = std::shared_ptr<bool>;  // null: never recorded
  static constexpr std::size_t kBytes = std::size_t{1} << 22;

  struct Capture {
    Stream origin = nullptr;
    std::set<Stream> members = {};
    Graph nodes = {};
    std::map<Event, std::size_t> events = {};  // node that recorded it last
  };

  bool captures(Stream stream) const { return capture_ && capture_->members.contains(stream); }
  static Queue& queue(Stream stream) { return *static_cast<Queue*>(stream); }

  // Tries the streams from a random one on; returns whether a piece of work was done.
  bool run_something() {
    const std::size_t first = random_.below(streams_.size());
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      Queue& queue = *streams_[(first + i) % streams_.size()];
      if (queue.empty() || !queue.front()()) continue;
      queue.pop_front();
      return true;
    }
    return false;
  }

  Philox random_;
  std::byte* memory_ = nullptr;
  std::size_t used_ = 0;
  std::vector<std::byte> contents_ = std::vector<std::byte>(kBytes);
  std::vector<std::unique_ptr<Queue>> streams_;
  std::vector<std::unique_ptr<Recorded>> events_;
  std::optional<Capture> capture_;  // in progress
  std::set<Event> in_captures_;     // events that were recorded last as part of one
};

/// Gradient memory of the fake device, in the order of one stream, counting.
class FakeDeviceMemory final : public GradientMemory {
 public:
  FakeDeviceMemory(FakeDevice& device, DeviceApi::Stream stream) : device_(device), stream_(stream) {}

  std::shared_ptr<void> allocate(std::size_t bytes) override {
    ++allocations;
    return {device_.allocate(bytes), [](void*) {}};
  }
  void copy(const void* from, void* to, std::size_t count, DataType type) override {
    ++copies;
    later([=, this] { host_gradient_memory().copy(device_.host(from), device_.host(to), count, type); });
  }
  void add(const void* from, void* to, std::size_t count, DataType type) override {
    ++additions;
    later([=, this] { host_gradient_memory().add(device_.host(from), device_.host(to), count, type); });
  }
  void convert(const void* from, DataType from_type, void* to, std::size_t count) override {
    ++conversions;
    later([=, this] { host_gradient_memory().convert(device_.host(from), from_type, device_.host(to), count); });
  }

  std::size_t allocations = 0, copies = 0, additions = 0, conversions = 0;

 private:
  void later(std::function<void()> work) {
    device_.enqueue(stream_, [work = std::move(work)] {
      work();
      return true;
    });
  }

  FakeDevice& device_;
  DeviceApi::Stream stream_;
};

}  // namespace brainmt::comm
