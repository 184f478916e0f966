#include "connectivity/fit.hpp"

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/gather.hpp"
#include "connectivity/coskewness.hpp"
#include "connectivity/exact_sum.hpp"
#include "linalg/parallel.hpp"

namespace brainmt::connectivity {

using linalg::Matrix;

namespace {

// Calls piece(i) for this rank's share of i < count, then agrees on failures.
void share_out(std::size_t count, int threads, comm::Communicator& comm,
               const std::function<void(std::size_t)>& piece) {
  const auto rank = static_cast<std::size_t>(comm.rank()), ranks = static_cast<std::size_t>(comm.size());
  comm::run_agreed(comm, [&] {
    const std::size_t mine = count > rank ? (count - rank - 1) / ranks + 1 : 0;
    linalg::parallel_for(mine, threads, [&](std::size_t i) { piece(rank + i * ranks); });
  });
}

[[noreturn]] void refuse_incomplete(const io::Cohort& cohort, std::size_t training) {
  throw DataError(fmt::format(
      "{}: each of {} training participants lacks a parcel somewhere, so there is no mean of whole matrices: "
      "lower min_coverage of parcellate, or leave out the parcels that many lack",
      cohort.path().string(), training));
}

// The mean over scans (segments) of the operator; a segment without all parcels is left out.
void fit_subspace(const io::Cohort& cohort, const std::vector<Source>& training, const FcSettings& settings, Fit& fit,
                  comm::Communicator& comm, FitReport& report) {
  const std::size_t parcels = fit.active.size();
  if (settings.components > parcels)
    throw UsageError(
        fmt::format("fc.components={}: at most {}, the parcels that some scan covers", settings.components, parcels));
  Fit parcels_only;
  parcels_only.active = fit.active;
  ExactSum sum(parcels * parcels);
  std::vector<std::int64_t> used(training.size()), scans(1);
  std::mutex mutex;
  share_out(training.size(), settings.threads, comm, [&](std::size_t i) {
    for (const RunSegments& run : training[i].runs) {
      for (const Segment& segment : run.segments) {
        const Matrix x = estimator_input(read_segment(cohort, segment, settings.global), parcels_only);
        if (std::ranges::any_of(missing_parcels(x), std::identity())) continue;
        sum.add(coskewness_operator(standardized(x, Scale::kZScore)).values);
        const std::lock_guard lock(mutex);
        used[i] = 1, ++scans[0];
      }
    }
  });
  comm::all_reduce(comm, std::span(used), comm::ReduceOp::kSum);
  comm::all_reduce(comm, std::span(scans), comm::ReduceOp::kSum);
  const std::vector<double> total = sum.take(comm);
  report.used = static_cast<std::size_t>(std::ranges::count(used, 1));
  report.incomplete = training.size() - report.used;
  if (report.used == 0) refuse_incomplete(cohort, training.size());
  Matrix mean(parcels, parcels);
  for (std::size_t i = 0; i < total.size(); ++i) mean.values[i] = total[i] / static_cast<double>(scans[0]);
  double share = 0;
  fit.subspace = leading_subspace(mean, settings.components, &share);
  report.metadata["subspace_share"] = share;
  report.metadata["subspace_scans"] = static_cast<std::uint64_t>(scans[0]);
}

void fit_tangent(const io::Cohort& cohort, const std::vector<Source>& training, const FcSettings& settings, Fit& fit,
                 comm::Communicator& comm, FitReport& report) {
  const std::size_t nodes = fit.subspace.rows > 0 ? fit.subspace.rows : fit.active.size();
  const auto covariance_of = [&](const Source& source) {
    std::vector<Segment> segments;
    for (const RunSegments& run : source.runs)
      segments.insert(segments.end(), run.segments.begin(), run.segments.end());
    return mean_covariance(cohort, segments, settings, fit);
  };
  std::vector<std::int64_t> complete(training.size());
  share_out(training.size(), settings.threads, comm,
            [&](std::size_t i) { complete[i] = covariance_of(training[i]).complete() ? 1 : 0; });
  comm::all_reduce(comm, std::span(complete), comm::ReduceOp::kSum);
  std::vector<const Source*> used;
  for (std::size_t i = 0; i < training.size(); ++i) {
    if (complete[i] != 0) used.push_back(&training[i]);
  }
  report.used = used.size();
  report.incomplete = training.size() - used.size();
  if (used.empty()) refuse_incomplete(cohort, training.size());
  TangentMean mean = affine_invariant_mean(
      used.size(), nodes, [&](std::size_t i) { return covariance_of(*used[i]).matrix; }, comm, settings.threads);
  fit.tangent.emplace(std::move(mean.matrix));
  report.metadata["reference_steps"] = static_cast<std::uint64_t>(mean.steps);
  report.metadata["reference_norm"] = mean.norm;
}

}  // namespace

FitReport fit_on(const io::Cohort& cohort, const std::vector<Source>& training, const FcSettings& settings, Fit& fit,
                 comm::Communicator& comm) {
  FitReport report;
  if (settings.components > 0) fit_subspace(cohort, training, settings, fit, comm, report);
  if (settings.kind == Kind::kTangent) fit_tangent(cohort, training, settings, fit, comm, report);
  return report;
}

}  // namespace brainmt::connectivity
