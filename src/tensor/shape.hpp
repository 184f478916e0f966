#pragma once
// Shape: up to six extents, slowest first.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/error.hpp"

namespace brainmt {

class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) {
    BRAINMT_CHECK(extents.size() <= kMaxRank);
    for (std::int64_t extent : extents) push_back(extent);
  }

  int rank() const { return rank_; }
  /// Extent of axis `i`; negative counts from the last.
  std::int64_t operator[](int i) const { return extents_[static_cast<std::size_t>(i < 0 ? rank_ + i : i)]; }
  void set(int i, std::int64_t extent) { extents_[static_cast<std::size_t>(i < 0 ? rank_ + i : i)] = extent; }
  void push_back(std::int64_t extent) { extents_[static_cast<std::size_t>(rank_++)] = extent; }
  std::int64_t count() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank_; ++i) n *= extents_[static_cast<std::size_t>(i)];
    return n;
  }
  const std::int64_t* begin() const { return extents_.data(); }
  const std::int64_t* end() const { return extents_.data() + rank_; }
  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }
  std::string str() const {
    std::string s = "[";
    for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string((*this)[i]);
    return s + "]";
  }

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

}  // namespace brainmt
