#pragma once
// Tensor: a contiguous, row-major array of one dtype on pooled memory of the execution space. Copies share the memory,
// as do slices and reshapes; nothing here knows about gradients.
//
// Work on tensors is queued on the default instance of the execution space, as are the kernels, and on a device nothing
// but from_host(), fill_from_host() and to_host() waits for it; those wait for that instance alone, not for the whole
// device.
#include <memory>
#include <span>
#include <vector>

#include "base/dtype.hpp"
#include "base/matrix_view.hpp"
#include "tensor/shape.hpp"

namespace brainmt {

class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised memory from the pool.
  Tensor(Shape shape, DType dtype);
  static Tensor zeros(Shape shape, DType dtype);
  /// Copies `values` from the host, converting to `dtype`. Any memory will do, and may end when this returns: the copy
  /// is over by then. It waits for all work queued before it: join small arrays into one call where that matters.
  static Tensor from_host(std::span<const float> values, Shape shape, DType dtype);

  bool defined() const { return static_cast<bool>(memory_); }
  explicit operator bool() const { return defined(); }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::int64_t count() const { return shape_.count(); }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype_); }
  /// The tensor as a matrix: rows = number of elements / last extent, columns = last extent.
  std::int64_t row_count() const { return shape_.rank() == 0 ? 1 : count() / shape_[-1]; }
  std::int64_t cols() const { return shape_.rank() == 0 ? 1 : shape_[-1]; }
  AnyMatrix matrix() const { return {raw(), dtype_, row_count(), cols(), cols(), 1}; }
  operator AnyMatrix() const { return matrix(); }  // NOLINT: a whole tensor is a matrix
  /// Columns [first, first + count) of that matrix.
  AnyMatrix columns(std::int64_t first, std::int64_t count) const { return matrix().columns(first, count); }

  template <class T>
  T* data() const {
    BRAINMT_CHECK(dtype_ == dtype_of<T>(), "{} asked as {}", name_of(dtype_), name_of(dtype_of<T>()));
    return reinterpret_cast<T*>(static_cast<std::byte*>(memory_.get()) + offset_);
  }
  void* raw() const { return static_cast<std::byte*>(memory_.get()) + offset_; }

  /// The same elements under another shape of equal count.
  Tensor reshape(Shape shape) const;
  /// Entries [begin, end) of the first axis, sharing memory.
  Tensor slice(std::int64_t begin, std::int64_t end) const;
  Tensor clone() const;
  /// Copy with another dtype (itself when it has that dtype already).
  Tensor to(DType dtype) const;
  /// Writes through the handle (a const Tensor is a fixed handle, not fixed contents). Same count; converts.
  void copy_from(const Tensor& other) const;
  /// Copies `values` from the host into an fp32 tensor of as many elements; otherwise as from_host().
  void fill_from_host(std::span<const float> values) const;
  /// Queued, not waited for: memory that something else than queued work reads next needs a fence first.
  void zero() const;
  /// All elements on the host as double: for tests, reports and small results.
  std::vector<double> to_host() const;

 private:
  std::shared_ptr<void> memory_;
  std::size_t offset_ = 0;  // bytes
  Shape shape_;
  DType dtype_ = DType::kF32;
};

}  // namespace brainmt
