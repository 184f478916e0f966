#include "bench/exp_floor.hpp"

#include "bench/report.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/device/scan_math.hpp"
#include "tensor/views.hpp"
#if !defined(BRAINMT_PORTABLE_KERNELS)
#include "kernels/detail/lanes.hpp"
#endif

namespace brainmt::bench {
namespace {

constexpr int kChains = 8;  // independent ones of a work item, more than the latency of one needs

#if defined(BRAINMT_PORTABLE_KERNELS)
using Number = float;
KOKKOS_INLINE_FUNCTION Number exponential(Number x) { return kernels::device::ScanMath<float>::decay(x); }
constexpr std::size_t kItems = kernels::detail::kOnHost ? 64 : std::size_t{1} << 18;  // a device is full of them
#else
using Number = Lanes;
Number exponential(Number x) { return kernels::detail::exp2_nonpositive(x); }
constexpr std::size_t kItems = 64;
#endif
constexpr std::size_t kWidth = sizeof(Number) / sizeof(float);

/// x := -2^x, iterated: a dependency chain of exponentials and nothing else.
struct Chains {
  float* sums;
  std::size_t steps;

  KOKKOS_FUNCTION void operator()(std::size_t item) const {
    Number x[kChains];
    for (int i = 0; i < kChains; ++i)
      x[i] = Number{} - static_cast<float>(item % 16 + static_cast<std::size_t>(i) + 1) / 32;
    for (std::size_t step = 0; step < steps; ++step)
      for (int i = 0; i < kChains; ++i) x[i] = -exponential(x[i]);
    Number sum{};
    for (int i = 0; i < kChains; ++i) sum += x[i];
    *reinterpret_cast<Number*>(sums + item * kWidth) = sum;
  }
};

}  // namespace

double exp_floor(double count, double seconds) {
  const Tensor sums({static_cast<std::int64_t>(kItems * kWidth)}, DType::kF32);
  const auto per_step = static_cast<double>(kItems * kWidth * kChains);
  const double longer = kernels::detail::kOnHost ? 1 : 10;  // than the wait for a device
  const auto steps = static_cast<std::size_t>(longer * count / per_step) + 1;
  const Timing time = measure(
      [&] {
        kernels::detail::for_each(kernels::Exec(), "brainmt::bench::exp_floor", kItems,
                                  Chains{view1<float>(sums).data(), steps});
      },
      seconds);
  return time.min * count / (per_step * static_cast<double>(steps));
}

}  // namespace brainmt::bench
