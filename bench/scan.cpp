// The selective scan on one rank: nanoseconds per token and channel, and the ratio to the time of its exponentials
// alone (one pass forward; two for forward and backward, which recomputes them).
#include "bench/bench.hpp"
#include "bench/exp_floor.hpp"
#include "bench/limits.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/selective_scan.hpp"
#include "tensor/views.hpp"

namespace brainmt::bench {
namespace {

struct ScanSizes {
  std::int64_t length, inner, state;
};

// Memory of one direction in the layout of a mixer: B and C are columns of the projection.
template <class T>
struct Direction {
  using M = float;
  Tensor x, delta_raw, projected, delta_bias, a_log, d, states;
  Tensor dx, ddelta_raw, dprojected, ddelta_bias, da_log, dd;

  explicit Direction(const ScanSizes& n)
      : x(random_tensor({n.length, n.inner}, dtype_of<T>(), 1)),
        delta_raw(random_tensor({n.length, n.inner}, dtype_of<T>(), 2)),
        projected(random_tensor({n.length, 2 * n.state}, dtype_of<T>(), 3)),
        delta_bias(random_tensor({n.inner}, DType::kF32, 4)),
        a_log(random_tensor({n.inner, n.state}, DType::kF32, 5)),
        d(random_tensor({n.inner}, DType::kF32, 6)),
        states({1, static_cast<std::int64_t>(kernels::scan_segments(static_cast<std::size_t>(n.length))), n.state,
                n.inner},
               DType::kF32),
        dx(x.shape(), x.dtype()),
        ddelta_raw(x.shape(), x.dtype()),
        dprojected(projected.shape(), x.dtype()),
        ddelta_bias(Tensor::zeros(delta_bias.shape(), DType::kF32)),
        da_log(Tensor::zeros(a_log.shape(), DType::kF32)),
        dd(Tensor::zeros(d.shape(), DType::kF32)),
        state(n.state) {}

  kernels::ScanDirection<T> inputs(kernels::Direction direction) const {
    return {direction,
            rows<const T>(x),
            rows<const T>(delta_raw),
            rows<const T>(projected, 0, state),
            rows<const T>(projected, state, state),
            view1<const M>(delta_bias),
            view2<const M>(a_log),
            view1<const M>(d),
            view4<M>(states)};
  }
  kernels::ScanGradients<T> gradients() const {
    return {rows<T>(dx),
            rows<T>(ddelta_raw),
            rows<T>(dprojected, 0, state),
            rows<T>(dprojected, state, state),
            view1<M>(ddelta_bias),
            view2<M>(da_log),
            view1<M>(dd)};
  }
  std::int64_t state;
};

/// Of one call. On a device several between two fences, so that the wait for the device is not counted.
Timing measure_in_a_row(const std::function<void()>& work, double seconds) {
  constexpr int kCalls = kernels::detail::kOnHost ? 1 : 10;
  Timing time = measure(
      [&] {
        for (int i = 0; i < kCalls; ++i) work();
      },
      seconds);
  time.min /= kCalls;
  time.median /= kCalls;
  return time;
}

template <class T>
void run(Report& report, const ScanSizes& n, int directions, double seconds) {
  std::vector<Direction<T>> memory;
  std::vector<kernels::ScanDirection<T>> inputs;
  std::vector<kernels::ScanGradients<T>> gradients;
  for (int i = 0; i < directions; ++i) {
    memory.emplace_back(n);
    inputs.push_back(memory.back().inputs(i == 0 ? kernels::Direction::kForward : kernels::Direction::kReverse));
    gradients.push_back(memory.back().gradients());
  }
  const Tensor y({n.length, n.inner}, dtype_of<T>()), dy = random_tensor(y.shape(), dtype_of<T>(), 7);
  const auto length = static_cast<std::size_t>(n.length);
  const kernels::Exec exec;
  const Timing forward =
      measure_in_a_row([&] { kernels::selective_scan_fwd<T>(exec, rows<T>(y), inputs, 1, length); }, seconds);
  const Timing backward = measure_in_a_row(
      [&] { kernels::selective_scan_bwd<T>(exec, gradients, rows<const T>(dy), inputs, 1, length); }, seconds);
  const double elements = static_cast<double>(n.length * n.inner * directions);
  const double floor = exp_floor(elements * static_cast<double>(n.state), seconds), both = forward.min + backward.min;
  const double bytes = 3 * static_cast<double>(y.bytes()) * directions;
  const std::string way = directions == 1 ? "one-way" : "two-way";
  const auto per_element = [&](double time) {
    return fmt::format("{:.2f} ns per token and channel", time / elements * 1e9);
  };
  report.rows.push_back({way + " forward", forward, 0, bytes, 0, per_element(forward.min)});
  report.rows.push_back({way + " backward", backward, 0, 2 * bytes, 0, per_element(backward.min)});
  report.lines.push_back(
      fmt::format("{}: forward {}, forward and backward {}", way, per_element(forward.min), per_element(both)));
  report.lines.push_back(
      fmt::format("{}: exp floor {:.3f} ms forward ({:.3f} ns an exponential); forward {:.2f} x it, forward and "
                  "backward {:.2f} x twice it",
                  way, floor * 1e3, floor / (elements * static_cast<double>(n.state)) * 1e9, forward.min / floor,
                  both / (2 * floor)));
  report.values.emplace_back(way + " forward ns", forward.min / elements * 1e9);
  report.values.emplace_back(way + " forward+backward ns", both / elements * 1e9);
  report.values.emplace_back(way + " exp floor ms", floor * 1e3);
  report.values.emplace_back(way + " forward of exp floor", forward.min / floor);
  report.values.emplace_back(way + " forward+backward of exp floor", both / (2 * floor));
}

}  // namespace

Report scan(const config::Config& config, comm::Communicator&) {
  const ScanSizes n{config.get<std::int64_t>("length"), 2 * config.get<std::int64_t>("model.embed_dim"),
                    config.get<std::int64_t>("model.state_dim")};
  const double seconds = config.get<double>("seconds");
  const bool bf16_storage = config.get<std::string>("precision") == "bf16";
  Report report{fmt::format("scan: E = {}, N = {}, L = {}, {} storage", n.inner, n.state, n.length,
                            bf16_storage ? "bf16" : "fp32"),
                {},
                {},
                {}};
  for (const int directions : {1, 2}) {
    if (bf16_storage)
      run<bf16>(report, n, directions, seconds);
    else
      run<float>(report, n, directions, seconds);
  }
  return report;
}

}  // namespace brainmt::bench
