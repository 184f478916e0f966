#pragma once
// Workspace of one kernel call, from the pool. May be released as soon as the kernels that use it are launched: the
// pool reuses memory in stream order.
#include <memory>

#include "kernels/types.hpp"
#include "memory/pool.hpp"

namespace brainmt::kernels::detail {

/// `count` uninitialised elements; kernels capture data(), never the object.
template <class M>
class Scratch {
 public:
  explicit Scratch(std::size_t count) : memory_(pool::allocate(count * sizeof(M))), count_(count) {}

  M* data() const { return static_cast<M*>(memory_.get()); }
  std::size_t count() const { return count_; }
  View1<M> flat() const { return View1<M>(data(), count_); }
  /// The same memory as [rows, count / rows].
  View2<M> matrix(std::size_t rows) const { return View2<M>(data(), rows, rows == 0 ? 0 : count_ / rows); }

 private:
  std::shared_ptr<void> memory_;
  std::size_t count_;
};

}  // namespace brainmt::kernels::detail
