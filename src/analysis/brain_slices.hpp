#pragma once
// Figure of the mean image and the mask of a cohort in three slices, which shows orientation and coverage.
#include "analysis/html.hpp"
#include "io/cohort.hpp"

namespace brainmt::analysis {

/// A volume in [y, x, z] order, as cohorts store it; what is outside of the mask is NaN.
struct Volume {
  io::CohortGrid grid;
  std::array<double, 16> affine{};
  std::vector<float> values;  // [y, x, z]
};

/// The mean over two frames of each of at most 32 scans, evenly spread: stored (normalised) values.
Volume mean_image(const io::Cohort& cohort);

/// Sagittal, coronal and axial slices through the middle of the mask, the participant's left on the left, with the
/// mask's outline. Sides are named as the affine says; where it says nothing (its axes are dependent), they are not.
Figure slices_figure(const Volume& volume);

}  // namespace brainmt::analysis
