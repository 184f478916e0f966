#include "connectivity/participant_fc.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "linalg/products.hpp"

namespace brainmt::connectivity {

using linalg::Matrix;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kMinFrames = 3;

double weight_of(const Segment& segment) { return segment.count > 3 ? static_cast<double>(segment.count - 3) : 0.0; }

// Rows of X that are not missing, and which they are.
Matrix present_rows(const Matrix& x, const std::vector<bool>& missing, std::vector<std::size_t>& rows) {
  rows.clear();
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (!missing[i]) rows.push_back(i);
  }
  Matrix present(rows.size(), x.cols);
  for (std::size_t i = 0; i < rows.size(); ++i) std::ranges::copy(x.row(rows[i]), present.row(i).begin());
  return present;
}

// r of every pair of rows, NaN where one is missing; [rows, rows].
Matrix correlations(const Matrix& x, const FcSettings& settings, double& shrinkage) {
  std::vector<bool> missing = missing_parcels(x);
  if (x.cols < kMinFrames) missing.assign(x.rows, true);
  std::vector<std::size_t> rows;
  const Matrix present = present_rows(x, missing, rows);
  Matrix all(x.rows, x.rows);
  std::ranges::fill(all.values, kNan);
  shrinkage = kNan;
  if (rows.empty()) return all;
  Matrix r;
  if (settings.kind == Kind::kPearson) {
    r = pearson(present);
  } else {
    const Covariance covariance = shrunk_covariance(standardized(present, settings.scale), settings.shrinkage);
    shrinkage = covariance.shrinkage;
    if (settings.kind == Kind::kShrunk) {
      r = correlation_of(covariance.matrix);
    } else {
      std::optional<Matrix> partial = partial_of(covariance.matrix);
      if (!partial)
        throw DataError(
            fmt::format("the covariance of {} parcels over {} frames is singular: raise fc.shrinkage, or leave "
                        "it to Ledoit and Wolf",
                        rows.size(), x.cols));
      r = std::move(*partial);
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows.size(); ++j) all(rows[i], rows[j]) = r(i, j);
  }
  return all;
}

// Weighted mean of Fisher z of each edge over the estimates that have it. Estimates of weight 0 count where no other has
// the edge.
class EdgeMean {
 public:
  explicit EdgeMean(std::size_t edges) : sum_(edges), weight_(edges), plain_(edges), count_(edges) {}

  void add(const std::vector<double>& z, double weight) {
    for (std::size_t e = 0; e < z.size(); ++e) {
      if (std::isnan(z[e])) continue;
      sum_[e] += weight * z[e], weight_[e] += weight;
      plain_[e] += z[e], count_[e] += 1;
    }
  }
  double operator[](std::size_t e) const {
    if (weight_[e] > 0) return sum_[e] / weight_[e];
    return count_[e] > 0 ? plain_[e] / count_[e] : kNan;
  }
  std::size_t size() const { return sum_.size(); }

 private:
  std::vector<double> sum_, weight_, plain_, count_;
};

// The row as it is stored: z, or r of partial correlations.
std::vector<float> stored(const EdgeMean& mean, Kind kind) {
  std::vector<float> row(mean.size());
  for (std::size_t e = 0; e < row.size(); ++e)
    row[e] = static_cast<float>(kind == Kind::kPartial ? std::tanh(mean[e]) : mean[e]);
  return row;
}

// Edges of the active parcels among those of all nodes; the others stay missing.
std::vector<double> spread(const std::vector<double>& edges, const Fit& fit, std::size_t nodes) {
  if (fit.subspace.rows > 0 || fit.active.size() == nodes) return edges;
  std::vector<double> all(nodes * (nodes - 1) / 2, kNan);
  std::size_t e = 0;
  for (std::size_t i = 0; i < fit.active.size(); ++i) {
    const std::size_t a = fit.active[i], before = a * nodes - a * (a + 1) / 2;  // edges of the rows above
    for (std::size_t j = i + 1; j < fit.active.size(); ++j) all[before + fit.active[j] - a - 1] = edges[e++];
  }
  return all;
}

ParticipantRows correlation_rows(const io::Cohort& cohort, std::span<const RunSegments> runs,
                                 const FcSettings& settings, const Fit& fit, std::size_t nodes) {
  ParticipantRows result;
  EdgeMean of_all(nodes * (nodes - 1) / 2);
  double shrinkage = 0, shrunk = 0;
  for (const RunSegments& run : runs) {
    EdgeMean of_run(of_all.size());
    for (const Segment& segment : run.segments) {
      double own = kNan;
      const Matrix x = estimator_input(read_segment(cohort, segment, settings.global), fit);
      std::vector<double> z = upper_triangle(correlations(x, settings, own));
      for (double& value : z) value = std::isnan(value) ? value : fisher(value);
      z = spread(z, fit, nodes);
      of_all.add(z, weight_of(segment));
      if (settings.rows_of_runs) of_run.add(z, weight_of(segment));
      if (!std::isnan(own)) shrinkage += own, ++shrunk;
    }
    if (settings.rows_of_runs) result.runs.push_back(stored(of_run, settings.kind));
  }
  result.row = stored(of_all, settings.kind);
  result.shrinkage = shrunk > 0 ? shrinkage / shrunk : kNan;
  return result;
}

// The vector of the tangent space over all nodes.
std::vector<float> tangent_row(const MeanCovariance& covariance, const Fit& fit, std::size_t nodes) {
  Matrix all(nodes, nodes);
  std::ranges::fill(all.values, kNan);
  if (!std::ranges::all_of(covariance.missing, std::identity())) {
    const Matrix tangent = fit.tangent->log_map(covariance.matrix);
    const bool projected = fit.subspace.rows > 0;
    for (std::size_t i = 0; i < tangent.rows; ++i) {
      for (std::size_t j = 0; j < tangent.rows; ++j) {
        if (covariance.missing[i] || covariance.missing[j]) continue;
        all(projected ? i : fit.active[i], projected ? j : fit.active[j]) = tangent(i, j);
      }
    }
  }
  const std::vector<double> vector = tangent_vector(all);
  return {vector.begin(), vector.end()};
}

ParticipantRows tangent_rows(const io::Cohort& cohort, std::span<const RunSegments> runs, const FcSettings& settings,
                             const Fit& fit, std::size_t nodes) {
  ParticipantRows result;
  std::vector<Segment> all;
  for (const RunSegments& run : runs) {
    all.insert(all.end(), run.segments.begin(), run.segments.end());
    if (settings.rows_of_runs)
      result.runs.push_back(tangent_row(mean_covariance(cohort, run.segments, settings, fit), fit, nodes));
  }
  const MeanCovariance mean = mean_covariance(cohort, all, settings, fit);
  result.row = tangent_row(mean, fit, nodes);
  result.shrinkage = mean.shrinkage;
  return result;
}

}  // namespace

std::uint64_t RunSegments::frames() const {
  // Windows may overlap at the end of a scan: distinct frames.
  std::uint64_t count = 0, end = 0;
  for (const Segment& segment : segments) {
    const std::uint64_t last = segment.first + segment.count;
    count += last - std::max(segment.first, std::min(end, last));
    end = std::max(end, last);
  }
  return count;
}

bool MeanCovariance::complete() const { return std::ranges::none_of(missing, std::identity()); }

Matrix estimator_input(const Matrix& x, const Fit& fit) {
  Matrix active(fit.active.size(), x.cols);
  for (std::size_t i = 0; i < active.rows; ++i) std::ranges::copy(x.row(fit.active[i]), active.row(i).begin());
  if (fit.subspace.rows == 0) return active;
  const std::vector<bool> missing = missing_parcels(active);
  for (std::size_t i = 0; i < active.rows; ++i) {
    if (missing[i]) std::ranges::fill(active.row(i), 0.0);  // its mean, once standardised
  }
  return matmul(fit.subspace, standardized(std::move(active), Scale::kZScore), 1);
}

MeanCovariance mean_covariance(const io::Cohort& cohort, std::span<const Segment> segments, const FcSettings& settings,
                               const Fit& fit) {
  MeanCovariance mean;
  double total = 0, shrinkage = 0;
  const bool weighted = std::ranges::any_of(segments, [](const Segment& s) { return weight_of(s) > 0; });
  for (const Segment& segment : segments) {
    const Matrix x = estimator_input(read_segment(cohort, segment, settings.global), fit);
    if (mean.missing.empty()) {
      mean.missing.assign(x.rows, false);
      mean.matrix = Matrix(x.rows, x.rows);
    }
    std::vector<bool> missing = missing_parcels(x);
    if (x.cols < kMinFrames) missing.assign(x.rows, true);
    std::vector<std::size_t> rows;
    const Covariance own =
        shrunk_covariance(standardized(present_rows(x, missing, rows), settings.scale), settings.shrinkage);
    double level = 0;  // what a missing parcel gets on the diagonal: the mean variance of the others
    for (std::size_t i = 0; i < rows.size(); ++i) level += own.matrix(i, i) / static_cast<double>(rows.size());
    if (rows.empty()) level = 1;
    const double weight = weighted ? weight_of(segment) : 1.0;
    total += weight, shrinkage += weight * own.shrinkage;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < rows.size(); ++j) mean.matrix(rows[i], rows[j]) += weight * own.matrix(i, j);
    }
    for (std::size_t i = 0; i < x.rows; ++i) {
      if (missing[i]) mean.matrix(i, i) += weight * level, mean.missing[i] = true;
    }
  }
  for (double& value : mean.matrix.values) value /= total;
  for (std::size_t i = 0; i < mean.matrix.rows; ++i) {  // no edges of a parcel that another segment has
    if (!mean.missing[i]) continue;
    for (std::size_t j = 0; j < mean.matrix.rows; ++j) {
      if (j != i) mean.matrix(i, j) = mean.matrix(j, i) = 0;
    }
  }
  mean.shrinkage = shrinkage / total;
  return mean;
}

ParticipantRows participant_rows(const io::Cohort& cohort, std::span<const RunSegments> runs,
                                 const FcSettings& settings, const Fit& fit, std::size_t nodes) {
  return settings.kind == Kind::kTangent ? tangent_rows(cohort, runs, settings, fit, nodes)
                                         : correlation_rows(cohort, runs, settings, fit, nodes);
}

}  // namespace brainmt::connectivity
