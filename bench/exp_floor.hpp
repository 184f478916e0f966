#pragma once
// Lower bound of the scan's time: its exponentials alone.

namespace brainmt::bench {

/// Seconds that `count` exponentials take on this rank, by the fastest that the scan's kernels use, with inputs and
/// results in registers.
double exp_floor(double count, double seconds);

}  // namespace brainmt::bench
