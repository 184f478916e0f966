#pragma once
// Fisher-z connectivity of people made up here: a shared signal in one half of the regions gives everybody's edges, and
// class 1 has a further one in `coupled` pairs of regions. Correlations of `frames` frames of noise.
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/philox.hpp"

namespace brainmt::test {

struct SyntheticConnectivity {
  std::size_t people = 0, edges = 0;
  std::vector<float> values;  // [people, edges], upper triangle row by row
  std::vector<double> label;  // 0, 1
};

inline SyntheticConnectivity make_connectivity(std::size_t people, std::size_t regions, std::size_t frames,
                                               std::size_t coupled, double strength, std::uint64_t seed) {
  SyntheticConnectivity made{.people = people, .edges = regions * (regions - 1) / 2, .values = {}, .label = {}};
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  Philox draw(seed, 0x7e57, 1u << 30);
  while (pairs.size() < coupled) {
    const std::size_t a = draw.below(regions), b = draw.below(regions);
    if (a != b) pairs.emplace_back(a, b);
  }
  for (std::size_t person = 0; person < people; ++person) {
    Philox random(seed, 0x7e57, person);
    made.label.push_back(static_cast<double>(random.below(2)));
    std::vector<double> series(frames * regions);
    for (std::size_t t = 0; t < frames; ++t) {
      double* const now = &series[t * regions];
      const double shared = random.normal();
      for (std::size_t r = 0; r < regions; ++r) now[r] = random.normal() + (r % 2 == 0 ? 0.6 * shared : 0.0);
      for (const auto& [a, b] : pairs) {
        const double common = strength * random.normal();
        if (made.label.back() == 1.0) now[a] += common, now[b] += common;
      }
    }
    std::vector<double> norm(regions);
    for (std::size_t r = 0; r < regions; ++r) {
      double mean = 0;
      for (std::size_t t = 0; t < frames; ++t) mean += series[t * regions + r] / static_cast<double>(frames);
      for (std::size_t t = 0; t < frames; ++t) series[t * regions + r] -= mean;
      for (std::size_t t = 0; t < frames; ++t) norm[r] += series[t * regions + r] * series[t * regions + r];
    }
    for (std::size_t i = 0; i < regions; ++i)
      for (std::size_t j = i + 1; j < regions; ++j) {
        double product = 0;
        for (std::size_t t = 0; t < frames; ++t) product += series[t * regions + i] * series[t * regions + j];
        made.values.push_back(static_cast<float>(std::atanh(product / std::sqrt(norm[i] * norm[j]))));
      }
  }
  return made;
}

}  // namespace brainmt::test
