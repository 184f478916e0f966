#include "tensor/tensor.hpp"

#include <Kokkos_Core.hpp>
#include <vector>

#include "base/capture.hpp"
#include "memory/pool.hpp"
#include "profile/region.hpp"

namespace brainmt {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;
using DeviceBytes = Kokkos::View<std::byte*, Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
using HostBytes = Kokkos::View<const std::byte*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
using HostBytesOut = Kokkos::View<std::byte*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

// double reaches bf16 by way of float.
template <class To, class From>
void convert(To* out, const From* in, std::int64_t count) {
  using Via = std::conditional_t<std::is_same_v<From, double> && std::is_same_v<To, bf16>, float, To>;
  profile::count("brainmt::tensor::convert", {.bytes = static_cast<double>(count) * (sizeof(To) + sizeof(From))});
  Kokkos::parallel_for(
      "brainmt::tensor::convert", Kokkos::RangePolicy<>(0, count),
      KOKKOS_LAMBDA(std::int64_t i) { out[i] = static_cast<To>(static_cast<Via>(in[i])); });
}

}  // namespace

Tensor::Tensor(Shape shape, DType dtype)
    : memory_(pool::allocate(static_cast<std::size_t>(shape.count()) * size_of(dtype))), shape_(shape), dtype_(dtype) {}

Tensor Tensor::zeros(Shape shape, DType dtype) {
  Tensor t(shape, dtype);
  t.zero();
  return t;
}

Tensor Tensor::from_host(std::span<const float> values, Shape shape, DType dtype) {
  BRAINMT_CHECK(static_cast<std::int64_t>(values.size()) == shape.count(), "{} values for {}", values.size(),
                shape.str());
  Tensor t(shape, DType::kF32);
  t.fill_from_host(values);
  return t.to(dtype);
}

void Tensor::fill_from_host(std::span<const float> values) const {
  refuse_while_capturing("a copy of a tensor from the host");
  BRAINMT_CHECK(dtype_ == DType::kF32 && static_cast<std::int64_t>(values.size()) == count(), "{} values for {} {}",
                values.size(), name_of(dtype_), shape_.str());
  Kokkos::deep_copy(Exec(), DeviceBytes(static_cast<std::byte*>(raw()), bytes()),
                    HostBytes(reinterpret_cast<const std::byte*>(values.data()), bytes()));
  Exec().fence();  // `values` may end now
}

Tensor Tensor::reshape(Shape shape) const {
  BRAINMT_CHECK(shape.count() == count(), "{} to {}", shape_.str(), shape.str());
  Tensor t = *this;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::slice(std::int64_t begin, std::int64_t end) const {
  BRAINMT_CHECK(shape_.rank() > 0 && 0 <= begin && begin <= end && end <= shape_[0], "[{}, {}) of {}", begin, end,
                shape_.str());
  Tensor t = *this;
  t.shape_.set(0, end - begin);
  t.offset_ += static_cast<std::size_t>(shape_[0] ? count() / shape_[0] * begin : 0) * size_of(dtype_);
  return t;
}

Tensor Tensor::clone() const {
  Tensor t(shape_, dtype_);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor t(shape_, dtype);
  t.copy_from(*this);
  return t;
}

void Tensor::copy_from(const Tensor& other) const {
  BRAINMT_CHECK(other.count() == count(), "{} from {}", shape_.str(), other.shape_.str());
  dispatch(dtype_, [&]<class To>() {
    dispatch(other.dtype_, [&]<class From>() { convert(data<To>(), other.data<From>(), count()); });
  });
}

void Tensor::zero() const {
  Kokkos::deep_copy(Exec(), DeviceBytes(static_cast<std::byte*>(raw()), bytes()), std::byte{0});
}

std::vector<double> Tensor::to_host() const {
  refuse_while_capturing("a copy of a tensor to the host");
  const Tensor wide = to(DType::kF64);
  std::vector<double> values(static_cast<std::size_t>(count()));
  Kokkos::deep_copy(Exec(), HostBytesOut(reinterpret_cast<std::byte*>(values.data()), values.size() * sizeof(double)),
                    DeviceBytes(static_cast<std::byte*>(wide.raw()), wide.bytes()));
  Exec().fence();  // the values are there
  return values;
}

}  // namespace brainmt
