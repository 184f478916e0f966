#include "comm/gradient_memory.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.hpp"

namespace brainmt::comm {
namespace {

template <class T>
void add_values(const void* from, void* to, std::size_t count) {
  const T* const a = static_cast<const T*>(from);
  T* const b = static_cast<T*>(to);
  for (std::size_t i = 0; i < count; ++i) b[i] += a[i];
}

class HostGradientMemory final : public GradientMemory {
 public:
  std::shared_ptr<void> allocate(std::size_t bytes) override {
    constexpr std::align_val_t kLine{64};
    return {::operator new(bytes, kLine), [](void* block) { ::operator delete(block, kLine); }};
  }

  void copy(const void* from, void* to, std::size_t count, DataType type) override {
    if (count > 0) std::memcpy(to, from, count * bytes_of(type));
  }

  void add(const void* from, void* to, std::size_t count, DataType type) override {
    BRAINMT_CHECK(type == DataType::kFloat || type == DataType::kDouble);
    if (type == DataType::kFloat) add_values<float>(from, to, count);
    if (type == DataType::kDouble) add_values<double>(from, to, count);
  }

  void convert(const void* from, DataType from_type, void* to, std::size_t count) override {
    BRAINMT_CHECK(from_type == DataType::kFloat || from_type == DataType::kBfloat16);
    if (from_type == DataType::kFloat) std::copy_n(static_cast<const float*>(from), count, static_cast<bf16*>(to));
    if (from_type == DataType::kBfloat16) std::copy_n(static_cast<const bf16*>(from), count, static_cast<float*>(to));
  }
};

}  // namespace

GradientMemory& host_gradient_memory() {
  static HostGradientMemory memory;
  return memory;
}

}  // namespace brainmt::comm
