#include "synth/series.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::synth {

SlowProcess::SlowProcess(Philox& random) {
  constexpr int kWaves = 24;
  waves_.reserve(kWaves);
  for (int k = 0; k < kWaves; ++k) {
    // One frequency in each of equal parts of the band: every draw covers it.
    const double frequency = kSlowLow + (kSlowHigh - kSlowLow) * (k + random.uniform()) / kWaves;
    const double cosine = random.normal(), sine = random.normal();
    waves_.push_back({2.0 * std::numbers::pi * frequency, cosine, sine});
  }
}

Series SlowProcess::sample(int frames, double tr, double delay) const {
  Series values(static_cast<std::size_t>(frames), 0.0);
  for (std::size_t t = 0; t < values.size(); ++t) {
    const double seconds = static_cast<double>(t) * tr - delay;
    for (const Wave& wave : waves_) {
      const double angle = wave.angular_frequency * seconds;
      values[t] += wave.cosine * std::cos(angle) + wave.sine * std::sin(angle);
    }
  }
  return values;
}

Series relaxation(Philox& random, int frames, double tr, double tau) {
  const double memory = std::exp(-tr / tau), drive = std::sqrt(1.0 - memory * memory);
  Series values(static_cast<std::size_t>(frames));
  double state = random.normal();
  for (double& value : values) {
    value = state;
    state = memory * state + drive * random.normal();
  }
  return values;
}

Series oscillation(Philox& random, int frames, double tr, double frequency) {
  constexpr double kWander = 0.15;  // radians of random phase a frame
  Series values(static_cast<std::size_t>(frames));
  double phase = random.uniform(0, 2.0 * std::numbers::pi);
  for (double& value : values) {
    value = std::sin(phase);
    phase += 2.0 * std::numbers::pi * frequency * tr + kWander * random.normal();
  }
  return values;
}

Series standardised(Series series) {
  const double count = static_cast<double>(series.size());
  const double mean = std::accumulate(series.begin(), series.end(), 0.0) / count;
  double squares = 0;
  for (double& value : series) {
    value -= mean;
    squares += value * value;
  }
  BRAINMT_CHECK(squares > 0, "a constant series cannot be standardised");
  const double scale = std::sqrt(count / squares);
  for (double& value : series) value *= scale;
  return series;
}

}  // namespace brainmt::synth
