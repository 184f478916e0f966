#pragma once
// Time courses of the generator: double, one value per frame, standardised over the scan (mean 0, variance 1 with
// divisor frames, up to rounding). So they do not appear in the mean image, and an amplitude means the same in every
// scan.
#include <vector>

#include "base/philox.hpp"

namespace brainmt::synth {

using Series = std::vector<double>;

/// Band of the slow fluctuations in Hz.
inline constexpr double kSlowLow = 0.01, kSlowHigh = 0.1;

/// A slow fluctuation as a function of continuous time: a sum of sinusoids of random frequency in the slow band, with
/// Gaussian coefficients, so that it can be read off at any delay without interpolation.
class SlowProcess {
 public:
  explicit SlowProcess(Philox& random);
  /// Values at (t * tr - delay) seconds for t = 0 .. frames - 1, not standardised.
  Series sample(int frames, double tr, double delay = 0) const;

 private:
  struct Wave {
    double angular_frequency, cosine, sine;
  };
  std::vector<Wave> waves_;
};

/// Ornstein-Uhlenbeck process with correlation time `tau` (seconds), sampled exactly at the frames. Not standardised.
Series relaxation(Philox& random, int frames, double tr, double tau);

/// sin(2 pi frequency t + phase) with a random phase and a frequency that wanders a little, as breathing and heart beat
/// do; sampled at the frames, so that what is faster than half the frame rate appears aliased. Not standardised.
Series oscillation(Philox& random, int frames, double tr, double frequency);

/// Subtracts the mean and divides by the standard deviation over the scan.
Series standardised(Series series);

}  // namespace brainmt::synth
