// Simulated effects are those of docs/synthetic-cohort.md: with the network maps known, sex and cognition are found in
// the fluctuations, and not in mean images, the fill value or the other mode.
#include <gtest/gtest.h>

#include "scan_features.hpp"

namespace brainmt::synth {
namespace {

using test::auroc;
using test::chance_bound;
using test::correlation;
using test::cross_correlation;
using test::log_variance;
using test::ScanFeatures;

constexpr std::size_t kWholeScan = 60;

SynthConfig config_of(Planted planted) {
  SynthConfig config;
  config.subjects = 96;
  config.planted = planted;
  config.seed = 20;
  return config;
}

// One cohort of each mode for all tests of this file.
const std::vector<ScanFeatures>& amplitude_cohort() {
  static const auto scans = test::observe_all(config_of(Planted::kAmplitude));
  return scans;
}
const std::vector<ScanFeatures>& lag_cohort() {
  static const auto scans = test::observe_all(config_of(Planted::kLag));
  return scans;
}

double amplitude_score(const ScanFeatures& f, std::size_t frames) {
  return log_variance(f, kNetworkA, frames) - log_variance(f, kNetworkB, frames);
}

// Projection of the mean image on the difference of the sexes' mean images in the other half of the cohort.
double mean_image_auroc(const std::vector<ScanFeatures>& scans) {
  const std::size_t half = scans.size() / 2;
  std::vector<double> direction(scans[0].mean_image.size(), 0.0);
  for (std::size_t s = 0; s < half; ++s) {
    const double sign = scans[s].phenotype.sex == 1 ? 1.0 : -1.0;
    for (std::size_t v = 0; v < direction.size(); ++v) direction[v] += sign * scans[s].mean_image[v];
  }
  const std::vector<ScanFeatures> rest(scans.begin() + static_cast<std::ptrdiff_t>(half), scans.end());
  return auroc(rest, [&](const ScanFeatures& f) {
    return std::inner_product(direction.begin(), direction.end(), f.mean_image.begin(), 0.0);
  });
}

double network_mean(const ScanFeatures& f, Network network) {
  double sum = 0;
  for (const Series& course : f.courses[network]) sum += std::accumulate(course.begin(), course.end(), 0.0);
  return sum;
}

TEST(PlantedAmplitude, SexIsInTheFluctuationsOfTwoNetworks) {
  const auto& scans = amplitude_cohort();
  EXPECT_GT(auroc(scans, [](const auto& f) { return amplitude_score(f, kWholeScan); }), 0.95);
  EXPECT_GT(auroc(scans, [](const auto& f) { return log_variance(f, kNetworkA, kWholeScan); }), 0.9);
  EXPECT_LT(auroc(scans, [](const auto& f) { return log_variance(f, kNetworkB, kWholeScan); }), 0.1);
}

TEST(PlantedAmplitude, NetworkCHoldsCognitionAndNotSex) {
  const auto& scans = amplitude_cohort();
  const auto score = [](const auto& f) { return log_variance(f, kNetworkC, kWholeScan); };
  EXPECT_GT(correlation(scans, score), 0.8);
  EXPECT_NEAR(auroc(scans, score), 0.5, chance_bound(scans.size()));
}

TEST(PlantedAmplitude, ALongerWindowCarriesMore) {
  const auto& scans = amplitude_cohort();
  double sex = 0.5, cognition = 0;
  for (const std::size_t frames : {4u, 16u, 60u}) {
    const double a = auroc(scans, [&](const auto& f) { return amplitude_score(f, frames); });
    const double r = correlation(scans, [&](const auto& f) { return log_variance(f, kNetworkC, frames); });
    EXPECT_GT(a, sex) << frames;
    EXPECT_GT(r, cognition) << frames;
    sex = a, cognition = r;
  }
}

TEST(PlantedAmplitude, MeanImagesHoldNothing) {
  const auto& scans = amplitude_cohort();
  EXPECT_NEAR(mean_image_auroc(scans), 0.5, chance_bound(scans.size() / 2));
  for (const Network network : {kNetworkA, kNetworkB, kNetworkC}) {
    const auto score = [&](const auto& f) { return network_mean(f, network); };
    EXPECT_NEAR(auroc(scans, score), 0.5, chance_bound(scans.size()));
    EXPECT_LT(std::abs(correlation(scans, score)), 3.0 / std::sqrt(static_cast<double>(scans.size())));
  }
}

TEST(PlantedAmplitude, TheFillValueHoldsNothing) {
  const auto& scans = amplitude_cohort();
  const auto score = [](const auto& f) { return f.smallest_z; };
  EXPECT_NEAR(auroc(scans, score), 0.5, chance_bound(scans.size()));
  EXPECT_LT(std::abs(correlation(scans, score)), 3.0 / std::sqrt(static_cast<double>(scans.size())));
}

TEST(PlantedAmplitude, TotalPlantedVarianceOfTheTwoNetworksIsTheSameForBothSexes) {
  const SynthConfig config = config_of(Planted::kAmplitude);
  for (int subject = 0; subject < 8; ++subject) {
    const PlantedSignal signal = draw_signal(config, draw_phenotype(config, subject), subject);
    const double a = signal.amplitude[kNetworkA], b = signal.amplitude[kNetworkB];
    EXPECT_NEAR(a * a + b * b, 2.0 * config.fluctuation * config.fluctuation, 1e-15);
  }
}

TEST(PlantedLag, SexIsInTheDelayBetweenTwoNetworks) {
  const auto& scans = lag_cohort();
  const auto lead = [](const auto& f) { return cross_correlation(f, 4) - cross_correlation(f, -4); };
  EXPECT_GT(auroc(scans, lead), 0.95);
}

TEST(PlantedLag, AmplitudeMeanZeroLagAndFillHoldNothing) {
  const auto& scans = lag_cohort();
  const double bound = chance_bound(scans.size());
  EXPECT_NEAR(auroc(scans, [](const auto& f) { return amplitude_score(f, kWholeScan); }), 0.5, bound);
  EXPECT_NEAR(auroc(scans, [](const auto& f) { return amplitude_score(f, 16); }), 0.5, bound);
  EXPECT_NEAR(auroc(scans, [](const auto& f) { return cross_correlation(f, 0); }), 0.5, bound);
  EXPECT_NEAR(auroc(scans, [](const auto& f) { return f.smallest_z; }), 0.5, bound);
  EXPECT_NEAR(mean_image_auroc(scans), 0.5, chance_bound(scans.size() / 2));
}

TEST(PlantedNothing, ZeroEffectsLeaveNothingToFind) {
  SynthConfig config = config_of(Planted::kAmplitude);
  config.sex_effect = 0;
  config.cognition_effect = 0;
  config.subjects = 48;
  const auto scans = test::observe_all(config);
  EXPECT_NEAR(auroc(scans, [](const auto& f) { return amplitude_score(f, kWholeScan); }), 0.5, chance_bound(48));
  const double r = correlation(scans, [](const auto& f) { return log_variance(f, kNetworkC, kWholeScan); });
  EXPECT_LT(std::abs(r), 3.0 / std::sqrt(48.0));
}

// Equal energy of the maps, and the scan's minimum at the surface, where no network is. Tolerance: the rounding of a
// map's values to float.
TEST(NetworkMaps, HaveOneEnergyAndEndInsideEveryHead) {
  const Grid grid{24, 28, 24};
  const NetworkMaps networks = network_maps(grid);
  std::vector<bool> outside(voxels_of(grid), false);
  for (std::uint64_t subject = 0; subject < 50; ++subject) {
    Philox random(5, 0, subject);
    const Anatomy head = draw_anatomy(grid, 0.5, random);
    std::vector<bool> inside(outside.size(), false);
    for (const std::uint32_t voxel : head.voxels) inside[voxel] = true;
    for (std::size_t v = 0; v < outside.size(); ++v) outside[v] = outside[v] || !inside[v];
  }
  for (const auto& network : networks.maps) {
    for (const auto& map : network) {
      const double energy = std::inner_product(map.begin(), map.end(), map.begin(), 0.0);
      EXPECT_NEAR(energy, networks.energy, 0x1p-22 * networks.energy);
      for (std::size_t v = 0; v < map.size(); ++v) EXPECT_TRUE(!outside[v] || map[v] == 0) << v;
    }
  }
}

// Mean 0 and variance 1 over the scan, so that a mean image cannot hold any of it. Tolerance: 60 roundings of values of
// a few units.
TEST(Series, PlantedSeriesAreStandardisedExactly) {
  const SynthConfig config = config_of(Planted::kLag);
  for (int subject = 0; subject < 8; ++subject) {
    const PlantedSignal signal = draw_signal(config, draw_phenotype(config, subject), subject);
    for (const auto& network : signal.series) {
      for (const Series& series : network) {
        double sum = 0, squares = 0;
        for (const double value : series) sum += value, squares += value * value;
        EXPECT_NEAR(sum / kWholeScan, 0.0, 1e-14);
        EXPECT_NEAR(squares / kWholeScan, 1.0, 1e-13);
      }
    }
  }
}

TEST(Series, DelayIsExact) {
  Philox random(3, 0);
  const SlowProcess process(random);
  const Series now = process.sample(10, 0.5), late = process.sample(10, 0.5, 1.0);
  for (std::size_t t = 2; t < 10; ++t) EXPECT_NEAR(late[t], now[t - 2], 1e-12);
}

// Lag-one correlation of a long Ornstein-Uhlenbeck series is exp(-tr / tau) within five standard errors.
TEST(Series, RelaxationHasItsTimeScale) {
  Philox random(4, 0);
  constexpr int kFrames = 20000;
  const Series x = standardised(relaxation(random, kFrames, 0.7, 3.5));
  double correlation = 0;
  for (std::size_t t = 1; t < x.size(); ++t) correlation += x[t] * x[t - 1] / kFrames;
  const double expected = std::exp(-0.2);
  EXPECT_NEAR(correlation, expected, 5.0 * std::sqrt((1.0 - expected * expected) / kFrames));
}

}  // namespace
}  // namespace brainmt::synth
