#pragma once
// What an observer who knows the network maps can read off a synthetic scan, and how well it tells the labels.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "synth/subject.hpp"

namespace brainmt::synth::test {

struct ScanFeatures {
  Phenotype phenotype;
  /// Course of each component: projection of every frame on its map, in units of the scan's mean intensity.
  std::vector<Series> courses[kNetworks];
  std::vector<double> mean_image;  // dense, in units of the scan's mean intensity
  double smallest_z = 0;           // the value that the background is filled with
  double zeros_inside = 0;         // voxels that are zero in some frames but not in all
};

inline ScanFeatures observe(const SynthConfig& config, const NetworkMaps& networks, int subject) {
  ScanFeatures f;
  f.phenotype = draw_phenotype(config, subject);
  ScanGenerator scan(config, networks, subject);
  const std::size_t voxels = voxels_of(config.grid);
  std::vector<float> frame(voxels);
  std::vector<int> zeros(voxels, 0);
  f.mean_image.assign(voxels, 0.0);
  for (auto& network : f.courses) network.assign(kComponents, Series(static_cast<std::size_t>(config.frames)));
  double sum = 0, squares = 0, count = 0, smallest = std::numeric_limits<double>::infinity();
  for (std::size_t t = 0; t < static_cast<std::size_t>(config.frames); ++t) {
    scan.next_frame(frame);
    for (std::size_t v = 0; v < voxels; ++v) {
      const double value = frame[v];
      if (value == 0) {
        ++zeros[v];
        continue;
      }
      sum += value, squares += value * value, count += 1;
      smallest = std::min(smallest, value);
      f.mean_image[v] += value / config.frames;
    }
    for (std::size_t n = 0; n < kNetworks; ++n) {
      for (std::size_t c = 0; c < kComponents; ++c) {
        const auto& map = networks.maps[n][c];
        f.courses[n][c][t] = std::inner_product(map.begin(), map.end(), frame.begin(), 0.0) / networks.energy;
      }
    }
  }
  const double mean = sum / count;
  f.smallest_z = (smallest - mean) / std::sqrt((squares - sum * mean) / (count - 1));
  f.zeros_inside = static_cast<double>(std::ranges::count_if(zeros, [&](int z) { return z > 0 && z < config.frames; }));
  for (double& value : f.mean_image) value /= mean;
  for (auto& network : f.courses) {
    for (Series& course : network) {
      for (double& value : course) value /= mean;
    }
  }
  return f;
}

inline std::vector<ScanFeatures> observe_all(const SynthConfig& config) {
  const NetworkMaps networks = network_maps(config.grid);
  std::vector<ScanFeatures> scans;
  for (int subject = 0; subject < config.subjects; ++subject) scans.push_back(observe(config, networks, subject));
  return scans;
}

/// Log variance of a network's courses over the first `frames` frames, mean over its components.
inline double log_variance(const ScanFeatures& f, Network network, std::size_t frames) {
  double total = 0;
  for (const Series& course : f.courses[network]) {
    const double mean = std::accumulate(course.begin(), course.begin() + frames, 0.0) / static_cast<double>(frames);
    double squares = 0;
    for (std::size_t t = 0; t < frames; ++t) squares += (course[t] - mean) * (course[t] - mean);
    total += std::log(squares / static_cast<double>(frames));
  }
  return total / kComponents;
}

/// Covariance of A at t with B at t + lag over the standard deviations, mean over the components.
inline double cross_correlation(const ScanFeatures& f, int lag) {
  double total = 0;
  for (std::size_t c = 0; c < kComponents; ++c) {
    const Series a = standardised(f.courses[kNetworkA][c]), b = standardised(f.courses[kNetworkB][c]);
    const int frames = static_cast<int>(a.size());
    for (int t = std::max(0, -lag); t < std::min(frames, frames - lag); ++t) {
      total += a[static_cast<std::size_t>(t)] * b[static_cast<std::size_t>(t + lag)] / (frames - std::abs(lag));
    }
  }
  return total / kComponents;
}

/// Probability that a random scan of sex 1 scores higher than one of sex 0.
template <class Score>
double auroc(const std::vector<ScanFeatures>& scans, Score&& score) {
  double won = 0, pairs = 0;
  for (const auto& one : scans) {
    for (const auto& zero : scans) {
      if (one.phenotype.sex != 1 || zero.phenotype.sex != 0) continue;
      const double a = score(one), b = score(zero);
      won += a > b ? 1.0 : a == b ? 0.5 : 0.0;
      pairs += 1;
    }
  }
  return won / pairs;
}

/// Three standard errors of the AUROC of a score that knows nothing, n scans with half of each sex.
inline double chance_bound(std::size_t n) {
  const double half = 0.5 * static_cast<double>(n);
  return 3.0 * std::sqrt((2.0 * half + 1.0) / (12.0 * half * half));
}

/// Pearson correlation with cognition.
template <class Score>
double correlation(const std::vector<ScanFeatures>& scans, Score&& score) {
  double n = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  for (const auto& scan : scans) {
    const double x = score(scan), y = scan.phenotype.cognition();
    n += 1, sx += x, sy += y, sxx += x * x, syy += y * y, sxy += x * y;
  }
  return (n * sxy - sx * sy) / std::sqrt((n * sxx - sx * sx) * (n * syy - sy * sy));
}

}  // namespace brainmt::synth::test
