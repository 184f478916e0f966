// Training steps of a whole BrainMT on random input: forward and backward, gradient reduction, AdamW.
//
//   brainmt bench step                            samples/s of all ranks together, share of each part, peak memory
//   mpirun -n 2 brainmt bench step scaling=true   also the same total work on rank 0 alone
//   brainmt bench step --profile                  also time, rates and peak memory by stage
//   brainmt bench step frames=[20,40,80,160]      peak memory for each number of frames, and a straight line through it
#include <algorithm>
#include <cmath>

#include "bench/bench.hpp"
#include "bench/limits.hpp"
#include "bench/process_memory.hpp"
#include "bench/step_profile.hpp"
#include "bench/stepper.hpp"
#include "comm/self_communicator.hpp"
#include "memory/pool.hpp"
#include "models/from_config.hpp"

namespace brainmt::bench {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

// The frames' way to tokens. What reads the voxels has no data gradient.
double stem_flops(const models::BrainMT& model) {
  const models::BrainMTConfig& c = model.config();
  const double width = static_cast<double>(c.embed_dim);
  if (c.stem == models::Stem::kPatch)
    return 2 * 2.0 * std::pow(static_cast<double>(models::kPatchEdge), 3) * width *
           static_cast<double>(model.places() * c.frames);
  const double channels[] = {1, width / 8, width / 4, width / 4, width / 4, width / 2, width / 2, width / 2, width};
  const bool halves[] = {true, true, false, false, true, false, false, true};
  auto g = c.grid;
  double conv = 0;
  for (int i = 0; i < 8; ++i) {
    double places = static_cast<double>(c.frames);
    for (auto& extent : g) places *= static_cast<double>(extent = halves[i] ? (extent + 1) / 2 : extent);
    conv += 2.0 * 27 * places * channels[i] * channels[i + 1] * (i == 0 ? 2 : 3);
  }
  return conv;
}

// Multiply-adds count two; a backward product costs as much as the forward one, twice; the stem's first product has no
// data gradient, and the last attention block one query row.
double step_flops(const models::BrainMT& model) {
  const models::BrainMTConfig& c = model.config();
  const double width = static_cast<double>(c.embed_dim), tokens = static_cast<double>(model.tokens());
  const double inner = width * c.expand, rank = std::ceil(width / 16), n = c.state_dim;
  const double mixer =
      width * 2 * inner + inner * width + (c.bidirectional ? 2 : 1) * (inner * (rank + 2 * n) + rank * inner);
  const double row = 4 * width * width + 4 * width * width;  // q, k, v, proj; MLP of ratio 2
  const double all = std::max(0, c.depth[1] - 1), last = c.depth[1] > 0 ? 1 : 0;
  const double dense =
      6 * (c.depth[0] * tokens * mixer + all * tokens * row + last * (tokens * 2 * width * width + 6 * width * width));
  const double core = 3.5 * 4 * width * (all * tokens * tokens + last * tokens);
  return stem_flops(model) + dense + core;
}

void report_throughput(Report& report, const config::Config& config, comm::Communicator& comm,
                       const models::BrainMTConfig& model_config, DType dtype) {
  const int samples = config.get<int>("samples"), repeats = config.get<int>("repeats");
  if (samples % comm.size())
    throw UsageError(fmt::format("samples={}: expected a multiple of the {} ranks", samples, comm.size()));
  reset_peak_resident();
  // A profile waits for each stage, which a replay does not have, and counts memory that a record would keep.
  const bool graphs = config.get<bool>("device.graphs") && !config.get<bool>("profile");
  Stepper stepper(model_config, dtype, comm, graphs);
  const Throughput all = best_of(stepper, comm, samples / comm.size(), repeats);
  const double resident =
      comm::all_reduce_value(comm, static_cast<double>(peak_resident_bytes()), comm::ReduceOp::kMax);
  const double flops = step_flops(stepper.model()) * samples;
  const double limit = gemm_limit(dtype, config.get<double>("seconds"));
  const double limits = comm::all_reduce_value(comm, limit, comm::ReduceOp::kSum);

  report.rows.push_back({"forward", {all.best.forward, all.best.forward, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"backward", {all.best.backward, all.best.backward, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"reduction not hidden", {all.best.exposed, all.best.exposed, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"AdamW", {all.best.optimiser, all.best.optimiser, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"step", {all.seconds, all.seconds, repeats}, flops, 0, limits, ""});
  const double forward_backward = all.best.forward + all.best.backward;
  report.lines.push_back(
      fmt::format("{} parameters, {} tokens; {:.3f} samples/s forward and backward, {:.3f} samples/s "
                  "whole steps; limit: {:.0f} GFLOP/s on all ranks; peak resident {:.2f} GiB per rank",
                  stepper.model().parameters().element_count(), stepper.model().tokens(), samples / forward_backward,
                  samples / all.seconds, limits * 1e-9, resident / kGib));
  report.values = {{"samples_per_s_forward_backward", samples / forward_backward},
                   {"samples_per_s_step", samples / all.seconds},
                   {"peak_resident_gib", resident / kGib}};
  if (config.get<bool>("profile"))
    add_profile(report, stepper, comm, samples / comm.size(), repeats, limit, config.get<double>("seconds"));
  if (!config.get<bool>("scaling")) return;

  double alone = 0;
  if (comm.rank() == 0) {
    comm::SelfCommunicator self;
    Stepper single(model_config, dtype, self, graphs);
    alone = best_of(single, self, samples, repeats).seconds;
  }
  comm.barrier();
  report.lines.push_back(fmt::format("{} samples: {:.3f} s on {} ranks, {:.3f} s on one: {:.2f} x", samples,
                                     all.seconds, comm.size(), alone, alone / all.seconds));
  report.values.emplace_back("speedup", alone / all.seconds);
}

// Least squares: y = offset + slope x.
struct Line {
  double offset, slope;
  double residual;  // the largest distance from it over the largest value

  double at(double x) const { return offset + slope * x; }
};

Line line_through(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
  const double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
  Line line{(sy - slope * sx) / n, slope, 0};
  for (std::size_t i = 0; i < x.size(); ++i) line.residual = std::max(line.residual, std::abs(y[i] - line.at(x[i])));
  line.residual /= *std::max_element(y.begin(), y.end());
  return line;
}

void report_memory(Report& report, const std::vector<std::int64_t>& frames, models::BrainMTConfig model_config,
                   DType dtype) {
  std::vector<double> x, y;
  for (const std::int64_t t : frames) {
    model_config.frames = t;
    pool::release_cached();
    comm::SelfCommunicator self;
    Stepper stepper(model_config, dtype, self);
    pool::reset_peak();
    const StepTimes time = stepper.run(1);
    const double peak = static_cast<double>(pool::statistics().peak_bytes);
    x.push_back(static_cast<double>(t));
    y.push_back(peak);
    report.rows.push_back({fmt::format("{} frames, {} tokens", t, stepper.model().tokens()),
                           {time.total(), time.total(), 1},
                           0,
                           0,
                           0,
                           fmt::format("peak {:.3f} GiB in tensors", peak / kGib)});
    report.values.emplace_back(fmt::format("peak_gib_{}_frames", t), peak / kGib);
  }
  const Line line = line_through(x, y);
  report.lines.push_back(fmt::format(
      "memory against frames: {:.3f} GiB + {:.1f} MiB a frame, {:.1f} GiB at 200 frames and {:.1f} at 1200; "
      "largest distance from a straight line {:.2f} % of the largest value (recompute={})",
      line.offset / kGib, line.slope / kGib * 1024, line.at(200) / kGib, line.at(1200) / kGib, 100 * line.residual,
      model_config.recompute ? "block" : "none"));
  report.values.emplace_back("line_residual", line.residual);
  report.values.emplace_back("gib_without_frames", line.offset / kGib);
  report.values.emplace_back("gib_per_frame", line.slope / kGib);
}

}  // namespace

Report step(const config::Config& config, comm::Communicator& comm) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid"),
             frames = config.get<std::vector<std::int64_t>>("frames");
  models::BrainMTConfig model_config = models::from_config(config, {grid[0], grid[1], grid[2]});
  model_config.frames = frames.front();
  const DType dtype = models::precision_from_config(config);
  Report report{
      fmt::format("step: {}x{}x{} voxels, {} ranks, {}", grid[0], grid[1], grid[2], comm.size(), name_of(dtype)),
      {},
      {},
      {}};
  if (config.get<bool>("profile") && frames.size() != 1)
    throw UsageError(fmt::format("profile: expected one number of frames, found {}; try frames=[{}]", frames.size(),
                                 frames.front()));
  if (frames.size() == 1)
    report_throughput(report, config, comm, model_config, dtype);
  else
    report_memory(report, frames, model_config, dtype);
  return report;
}

}  // namespace brainmt::bench
