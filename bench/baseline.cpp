// Kernel ridge on connectivity with a nested choice of penalties: time and memory. Full size:
//
//   OMP_NUM_THREADS=2 brainmt bench baseline people=6000 parcels=400 penalties=20
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/philox.hpp"
#include "baselines/nested.hpp"
#include "bench/bench.hpp"
#include "bench/process_memory.hpp"
#include "linalg/parallel.hpp"
#include "linalg/products.hpp"

namespace brainmt::bench {
namespace {

constexpr int kFolds = 5;

// Uniform numbers, and a target that grows with the first of them.
struct Example {
  std::size_t people, edges;
  std::vector<float> x;
  std::vector<double> y;

  Example(std::size_t people, std::size_t edges) : people(people), edges(edges), x(people * edges), y(people) {
    linalg::parallel_for(people, linalg::threads(), [&](std::size_t i) {
      Philox random(1, 2, i);
      for (std::size_t e = 0; e < edges; ++e) x[i * edges + e] = static_cast<float>(random.next_u32()) * 0x1p-32F;
      y[i] = std::accumulate(&x[i * edges], &x[i * edges] + std::min<std::size_t>(edges, 100), 0.0) + random.normal();
    });
  }
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// FLOP/s of a large product in double with all threads of this rank.
double double_limit(double seconds) {
  constexpr std::size_t n = 1536;
  linalg::Matrix a(n, n);
  Philox random(1, 1);
  for (double& value : a.values) value = random.uniform();
  const Timing time = measure([&] { linalg::matmul(a, a); }, seconds, 1);
  return 2.0 * n * n * n / time.min;
}

}  // namespace

Report baseline(const config::Config& config, comm::Communicator& comm) {
  const auto people = static_cast<std::size_t>(config.get<std::int64_t>("people"));
  const auto parcels = static_cast<std::size_t>(config.is_set("parcels") ? config.get<std::int64_t>("parcels") : 64);
  const auto penalties = static_cast<std::size_t>(config.get<std::int64_t>("penalties"));
  const std::size_t edges = parcels * (parcels - 1) / 2;
  Report report{fmt::format("baseline: kernel ridge, {} people, {} edges, {} penalties in {} inner folds, {} threads",
                            people, edges, penalties, kFolds, linalg::threads()),
                {},
                {},
                {}};
  if (comm.rank() != 0) return report;
  const double limit = double_limit(config.get<double>("seconds"));
  reset_peak_resident();
  const Example example(people, edges);
  const double before = static_cast<double>(resident_bytes());
  std::vector<double> lambdas = baselines::default_lambdas(baselines::Method::kKernelRidge, edges);
  lambdas.resize(std::min(penalties, lambdas.size()));
  baselines::InnerFolds folds{.fold = {}, .count = kFolds};
  baselines::Rows rows;
  for (std::size_t i = 0; i < people; ++i) rows.push_back(i), folds.fold.push_back(static_cast<int>(i % kFolds));

  const auto begin = std::chrono::steady_clock::now();
  const baselines::EdgeMatrix x = MatrixView<const float>{example.x.data(), edges, people, edges};
  baselines::NestedFit nested(x, baselines::Method::kKernelRidge, rows, example.y);
  const baselines::Choice choice = nested.choose(folds, lambdas);
  const double chosen = seconds_since(begin);
  const auto fit = nested.fit(choice.lambda[choice.best]);
  BRAINMT_CHECK(fit.has_value(), "no fit");
  const double total = seconds_since(begin);

  const double n = static_cast<double>(people), inner = n * (kFolds - 1) / kFolds;
  const double kernel_flops = n * n * static_cast<double>(edges);
  const double choice_flops = kFolds * static_cast<double>(lambdas.size()) * inner * inner * inner / 3;
  report.rows.push_back({"kernel and choice", timing_of({chosen}), kernel_flops + choice_flops, 0, limit, ""});
  report.rows.push_back({"final fit and weights", timing_of({total - chosen}), n * n * n / 3, 0, limit, ""});
  const double peak = static_cast<double>(peak_resident_bytes());
  report.lines.push_back(
      fmt::format("kernel {:.2f} TFLOP, {} Choleskys of {:.0f} {:.2f} TFLOP, limit {:.0f} GFLOP/s: "
                  "{:.0f} s at the limit",
                  kernel_flops * 1e-12, kFolds * lambdas.size(), inner, choice_flops * 1e-12, limit * 1e-9,
                  (kernel_flops + choice_flops + n * n * n / 3) / limit));
  report.lines.push_back(
      fmt::format("{:.1f} s in all, {:.2f} GB at most, of which {:.2f} GB are the features; bars at "
                  "6000 people and 400 parcels: 180 s, 4 GB",
                  total, peak * 1e-9, before * 1e-9));
  report.values = {{"seconds", total}, {"peak bytes", peak}, {"limit flops", limit}};
  return report;
}

}  // namespace brainmt::bench
