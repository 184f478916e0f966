#pragma once
// Cache of open files with a fixed capacity: a cohort may have more shards than a process may open. Eviction is first
// in, first out, so ranks that request the same files in the same order close the same files.
#include <cstddef>
#include <deque>
#include <map>
#include <utility>

namespace brainmt::io {

template <class Handle>
class FewOpen {
 public:
  static constexpr std::size_t kMaxOpen = 32;

  /// The handle of `file`, made by `open()` when there is none. `close(handle)` is called for one that must go.
  template <class Open, class Close>
  Handle& get(std::size_t file, Open open, Close close) {
    const auto found = handles_.find(file);
    if (found != handles_.end()) return found->second;
    if (order_.size() == kMaxOpen) {
      close(handles_.at(order_.front()));
      handles_.erase(order_.front());
      order_.pop_front();
    }
    Handle made = open();
    order_.push_back(file);
    return handles_.emplace(file, std::move(made)).first->second;
  }
  bool has(std::size_t file) const { return handles_.contains(file); }

  template <class Close>
  void close_all(Close close) {
    for (const std::size_t file : order_) close(handles_.at(file));
    handles_.clear();
    order_.clear();
  }

 private:
  std::map<std::size_t, Handle> handles_;
  std::deque<std::size_t> order_;
};

}  // namespace brainmt::io
