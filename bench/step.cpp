// Training steps of a whole model on random input: forward and backward, gradient reduction, AdamW.
//
//   brainmt bench step                            samples/s of all ranks together, share of each part, peak memory
//   mpirun -n 2 brainmt bench step scaling=true   also the same total work on rank 0 alone
//   brainmt bench step --profile                  also time, rates and peak memory by stage
//   brainmt bench step frames=[20,40,80,160]      peak memory for each number of frames, and a straight line through it
#include <algorithm>
#include <cmath>
#include <functional>

#include "bench/bench.hpp"
#include "bench/limits.hpp"
#include "bench/process_memory.hpp"
#include "bench/step_profile.hpp"
#include "bench/stepper.hpp"
#include "comm/self_communicator.hpp"
#include "memory/pool.hpp"
#include "models/registry.hpp"

namespace brainmt::bench {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

// The model with so many frames, or the configuration's.
using ModelMaker = std::function<std::unique_ptr<models::Model>(std::int64_t frames)>;

ModelMaker maker_of(const config::Config& config, DType dtype) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid");
  return [config, grid, dtype](std::int64_t frames) {
    config::Config with_frames = config;
    if (config.schema().find("model.num_frames"))
      with_frames.set("model.num_frames", config::parse_raw(std::to_string(frames)), config::Origin::kOverride,
                      "frames");
    return models::plan_of(with_frames)
        .make({.grid = {grid[0], grid[1], grid[2]}, .parcels = config.get<std::int64_t>("parcels")}, dtype,
              models::Model::Memory::kAllocate);
  };
}

void report_throughput(Report& report, const config::Config& config, comm::Communicator& comm, const ModelMaker& make,
                       DType dtype) {
  const int samples = config.get<int>("samples"), repeats = config.get<int>("repeats");
  if (samples % comm.size())
    throw UsageError(fmt::format("samples={}: expected a multiple of the {} ranks", samples, comm.size()));
  reset_peak_resident();
  // Profiling synchronises after each stage, which a graph launch does not allow, and counts memory that a graph would
  // hold.
  const bool graphs = config.get<bool>("device.graphs") && !config.get<bool>("profile");
  const std::int64_t frames = config.get<std::vector<std::int64_t>>("frames").front();
  Stepper stepper(make(frames), samples / comm.size(), comm, graphs);
  const Throughput all = best_of(stepper, comm, repeats);
  const double resident =
      comm::all_reduce_value(comm, static_cast<double>(peak_resident_bytes()), comm::ReduceOp::kMax);
  const double flops = stepper.model().cost(samples).training_flops;
  const double limit = gemm_limit(dtype, config.get<double>("seconds"));
  const double limits = comm::all_reduce_value(comm, limit, comm::ReduceOp::kSum);

  report.rows.push_back({"forward", {all.best.forward, all.best.forward, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"backward", {all.best.backward, all.best.backward, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"reduction not hidden", {all.best.exposed, all.best.exposed, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"AdamW", {all.best.optimiser, all.best.optimiser, repeats}, 0, 0, 0, ""});
  report.rows.push_back({"step", {all.seconds, all.seconds, repeats}, flops, 0, limits, ""});
  std::string facts;
  for (const auto& [name, value] : stepper.model().facts()) facts += fmt::format("{} {}; ", name, value);
  const double forward_backward = all.best.forward + all.best.backward;
  report.lines.push_back(
      fmt::format("{}{} parameters; {:.3f} samples/s forward and backward, {:.3f} samples/s "
                  "whole steps; limit: {:.0f} GFLOP/s on all ranks; peak resident {:.2f} GiB per rank",
                  facts, stepper.model().parameters().element_count(), samples / forward_backward,
                  samples / all.seconds, limits * 1e-9, resident / kGib));
  report.values = {{"samples_per_s_forward_backward", samples / forward_backward},
                   {"samples_per_s_step", samples / all.seconds},
                   {"peak_resident_gib", resident / kGib}};
  if (config.get<bool>("profile")) add_profile(report, stepper, comm, repeats, limit, config.get<double>("seconds"));
  if (!config.get<bool>("scaling")) return;

  double alone = 0;
  if (comm.rank() == 0) {
    comm::SelfCommunicator self;
    Stepper single(make(frames), samples, self, graphs);
    alone = best_of(single, self, repeats).seconds;
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

void report_memory(Report& report, const std::vector<std::int64_t>& frames, const config::Config& config,
                   const ModelMaker& make) {
  std::vector<double> x, y;
  for (const std::int64_t t : frames) {
    pool::release_cached();
    comm::SelfCommunicator self;
    Stepper stepper(make(t), 1, self);
    pool::reset_peak();
    const StepTimes time = stepper.run();
    const double peak = static_cast<double>(pool::statistics().peak_bytes);
    x.push_back(static_cast<double>(t));
    y.push_back(peak);
    report.rows.push_back({fmt::format("{} frames", t),
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
      config.schema().find("model.recompute") ? config.get<std::string>("model.recompute") : "none"));
  report.values.emplace_back("line_residual", line.residual);
  report.values.emplace_back("gib_without_frames", line.offset / kGib);
  report.values.emplace_back("gib_per_frame", line.slope / kGib);
}

}  // namespace

Report step(const config::Config& config, comm::Communicator& comm) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid"),
             frames = config.get<std::vector<std::int64_t>>("frames");
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
    report_throughput(report, config, comm, maker_of(config, dtype), dtype);
  else
    report_memory(report, frames, config, maker_of(config, dtype));
  return report;
}

}  // namespace brainmt::bench
