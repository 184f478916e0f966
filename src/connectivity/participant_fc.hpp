#pragma once
// The rows of one participant: estimates of its segments, averaged. The mathematics of fc.hpp without files and ranks.
#include <optional>
#include <vector>

#include "connectivity/fc.hpp"
#include "connectivity/tangent.hpp"

namespace brainmt::connectivity {

/// What was fitted on the training part.
struct Fit {
  std::vector<std::uint32_t> active;    // parcels that some scan covers: what the fits work on
  linalg::Matrix subspace;              // [components, active]; empty: none
  std::optional<TangentSpace> tangent;  // for kTangent
};

/// A run of a participant.
struct RunSegments {
  std::size_t scan = 0;
  std::vector<Segment> segments{};
  std::uint64_t frames() const;
};

struct ParticipantRows {
  std::vector<float> row;                // [edges]; NaN: missing
  std::vector<std::vector<float>> runs;  // likewise, of each run; empty unless asked for
  double shrinkage = 0;                  // mean over the segments; NaN: nothing was shrunk
};

/// A covariance over the active parcels (or components), averaged over segments with weights frames - 3.
struct MeanCovariance {
  linalg::Matrix matrix;
  std::vector<bool> missing;  // parcels that a segment lacks: there the matrix is a multiple of the identity
  double shrinkage = 0;
  bool complete() const;
};

/// X of a segment as the estimators take it: the active parcels' series, or their projection on the subspace.
linalg::Matrix estimator_input(const linalg::Matrix& x, const Fit& fit);

MeanCovariance mean_covariance(const io::Cohort& cohort, std::span<const Segment> segments, const FcSettings& settings,
                               const Fit& fit);

/// `nodes`: parcels of the cohort, or components. Safe to call from several threads.
ParticipantRows participant_rows(const io::Cohort& cohort, std::span<const RunSegments> runs,
                                 const FcSettings& settings, const Fit& fit, std::size_t nodes);

}  // namespace brainmt::connectivity
