#pragma once
// Per-frame loops over voxels: vectorised, with sums in a fixed number of lanes, so that the results' bits do not
// depend on the machine.
#include <cstddef>
#include <span>

namespace brainmt::prepare {

struct FrameCheck {
  std::size_t nonzero = 0;    // voxels; NaN counts
  std::size_t nonfinite = 0;  // NaN or infinite voxels
};
FrameCheck check_frame(std::span<const float> frame);

/// Count, mean and sum of squared deviations of a set of values; sets are joined as in Chan, Golub and LeVeque (1979).
struct Moments {
  double count = 0, mean = 0, squares = 0;
  void join(const Moments& other);
};

/// Over the values that are not zero.
struct FrameValues {
  Moments moments;
  float smallest, largest;  // infinite, of the wrong sign, when there is none
};
FrameValues values_of(std::span<const float> values);

}  // namespace brainmt::prepare
