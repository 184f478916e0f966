#include "train/kokkos_gradient_memory.hpp"

#include "base/error.hpp"
#include "kernels/elementwise.hpp"
#include "memory/pool.hpp"

namespace brainmt::train {
namespace {

using comm::DataType;
using kernels::Exec;
using kernels::View1;

template <class T>
View1<T> view(void* data, std::size_t count) {
  return View1<T>(static_cast<T*>(data), count);
}
template <class T>
View1<const T> view(const void* data, std::size_t count) {
  return View1<const T>(static_cast<const T*>(data), count);
}

}  // namespace

std::shared_ptr<void> KokkosGradientMemory::allocate(std::size_t bytes) { return pool::allocate(bytes); }

void KokkosGradientMemory::copy(const void* from, void* to, std::size_t count, DataType type) {
  const std::size_t bytes = count * comm::bytes_of(type);
  Kokkos::deep_copy(Exec{}, view<unsigned char>(to, bytes), view<unsigned char>(from, bytes));
}

void KokkosGradientMemory::add(const void* from, void* to, std::size_t count, DataType type) {
  BRAINMT_CHECK(type == DataType::kFloat || type == DataType::kDouble);
  if (type == DataType::kFloat) kernels::axpby<float>(Exec{}, view<float>(to, count), 1, view<float>(from, count), 1);
  if (type == DataType::kDouble)
    kernels::axpby<double>(Exec{}, view<double>(to, count), 1, view<double>(from, count), 1);
}

void KokkosGradientMemory::convert(const void* from, DataType from_type, void* to, std::size_t count) {
  BRAINMT_CHECK(from_type == DataType::kFloat || from_type == DataType::kBfloat16);
  if (from_type == DataType::kFloat)
    kernels::cast<bf16, float>(Exec{}, view<bf16>(to, count), view<float>(from, count));
  else
    kernels::cast<float, bf16>(Exec{}, view<float>(to, count), view<bf16>(from, count));
}

}  // namespace brainmt::train
