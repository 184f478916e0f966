#include "analysis/roc_test.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include "analysis/statistic.hpp"
#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double mean_of_class(std::span<const double> truth, std::span<const double> values, double which) {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < truth.size(); ++i)
    if (truth[i] == which) sum += values[i], ++count;
  return count > 0 ? sum / count : kUndefined;
}

// n / (n - 1), which makes a sum of squares unbiased.
double bessel(double n) { return n > 1 ? n / (n - 1) : kUndefined; }

// The variance of d; [class] sums of D - d over each family.
double variance_of(std::span<const double> truth, std::span<const double> difference, double d,
                   std::span<const std::size_t> family) {
  struct Sums {
    std::array<double, 2> centred{}, people{};
  };
  std::map<std::size_t, Sums> families;
  std::array<double, 2> people{};
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const std::size_t c = truth[i] == 1.0 ? 1 : 0;
    Sums& sums = families[family.empty() ? i : family[i]];
    sums.centred[c] += difference[i] - d;
    ++sums.people[c];
    ++people[c];
  }
  std::array<double, 2> squares{}, with{};
  double products = 0;
  for (const auto& [number, sums] : families) {
    for (std::size_t c = 0; c < 2; ++c) {
      squares[c] += sums.centred[c] * sums.centred[c];
      with[c] += sums.people[c] > 0 ? 1 : 0;
    }
    products += sums.centred[0] * sums.centred[1];
  }
  double variance = 0;
  for (std::size_t c = 0; c < 2; ++c) variance += bessel(with[c]) * squares[c] / (people[c] * people[c]);
  // Zero where no family has both classes, whatever the factor.
  if (products != 0) variance += 2 * bessel(static_cast<double>(families.size())) * products / (people[0] * people[1]);
  return variance;
}

}  // namespace

std::vector<double> placements(std::span<const double> truth, std::span<const double> score) {
  BRAINMT_CHECK(truth.size() == score.size(), "{} targets, {} scores", truth.size(), score.size());
  const std::vector<double> among_all = midranks(score);
  std::array<std::vector<double>, 2> of_class;
  for (std::size_t i = 0; i < truth.size(); ++i) of_class[truth[i] == 1.0].push_back(score[i]);
  const std::array<std::vector<double>, 2> among_own{midranks(of_class[0]), midranks(of_class[1])};
  std::array<std::size_t, 2> next{};
  std::vector<double> placement(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const std::size_t c = truth[i] == 1.0 ? 1 : 0;
    const auto others = static_cast<double>(of_class[1 - c].size());
    // The people of the other class below this one, ties one half.
    const double below = among_all[i] - among_own[c][next[c]++];
    placement[i] = others == 0 ? kUndefined : c == 1 ? below / others : 1 - below / others;
  }
  return placement;
}

RocTest test_of_placements(std::span<const double> truth, std::span<const double> a, std::span<const double> b,
                           std::span<const std::size_t> family) {
  BRAINMT_CHECK(a.size() == truth.size() && b.size() == truth.size() && (family.empty() || family.size() == a.size()),
                "{} targets, {} and {} placements, {} families", truth.size(), a.size(), b.size(), family.size());
  RocTest test{.auroc_a = mean_of_class(truth, a, 1.0), .auroc_b = mean_of_class(truth, b, 1.0)};
  test.difference = test.auroc_a - test.auroc_b;
  std::vector<double> difference(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) difference[i] = a[i] - b[i];
  const double variance = variance_of(truth, difference, test.difference, family);
  // Rounding leaves a trace of equal placements; families may give a small negative sum.
  constexpr double kNone = 1e-24;
  test.standard_error = variance > 0 ? std::sqrt(variance) : variance <= 0 ? 0.0 : kUndefined;
  if (variance > kNone)
    test.p = std::erfc(std::abs(test.difference) / test.standard_error / std::numbers::sqrt2);
  else
    test.p = std::isfinite(variance) && std::abs(test.difference) < 1e-12 ? 1.0 : kUndefined;
  return test;
}

RocTest delong(std::span<const double> truth, std::span<const double> score_a, std::span<const double> score_b,
               std::span<const std::size_t> family) {
  return test_of_placements(truth, placements(truth, score_a), placements(truth, score_b), family);
}

}  // namespace brainmt::analysis
