#include "kernels/dropout.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {
namespace {

// Philox::generate (base/philox.hpp) where a device can call it.
KOKKOS_INLINE_FUNCTION void philox(std::uint32_t key0, std::uint32_t key1, std::uint32_t (&c)[4]) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0], p1 = std::uint64_t{0xCD9E8D57} * c[2];
    const std::uint32_t c1 = c[1], c3 = c[3];
    c[0] = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ key0;
    c[1] = static_cast<std::uint32_t>(p1);
    c[2] = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ key1;
    c[3] = static_cast<std::uint32_t>(p0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

}  // namespace

template <class T>
void dropout(const Exec& exec, View2<T> y, View2<const T> x, View2<const float> keys, std::uint32_t stream,
             double rate) {
  detail::count_traffic("brainmt::dropout::apply", y, x);
  const std::size_t count = x.extent(1), fours = (count + 3) / 4;
  const auto threshold = static_cast<std::uint32_t>(rate * 0x1p32);
  const auto factor = static_cast<Master<T>>(1.0 / (1.0 - rate));
  detail::for_each(
      exec, "brainmt::dropout::apply", x.extent(0) * fours, KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t b = i / fours, block = i % fours;
        std::uint32_t words[4] = {static_cast<std::uint32_t>(block), stream, 0, 0};
        philox(static_cast<std::uint32_t>(keys(0, b)), static_cast<std::uint32_t>(keys(1, b)), words);
        for (std::size_t k = 0; k < 4 && block * 4 + k < count; ++k) {
          const std::size_t e = block * 4 + k;
          y(b, e) = words[k] < threshold ? T(0) : static_cast<T>(factor * static_cast<Master<T>>(x(b, e)));
        }
      });
}

#define BRAINMT_INSTANTIATE(T) \
  template void dropout<T>(const Exec&, View2<T>, View2<const T>, View2<const float>, std::uint32_t, double);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
