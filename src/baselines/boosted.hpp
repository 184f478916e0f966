#pragma once
// Gradient-boosted trees by XGBoost's C library, where the build found it. base_score is the training mean (prevalence);
// rounds stop after `patience` without a lower validation loss (squared error, log-loss), and only the trees up to the
// lowest are kept; depth, eta and lambda are those of the grid with the lowest such loss, the first of equals. The same
// bits for any number of threads.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/matrix_view.hpp"
#include "baselines/edges.hpp"
#include "config/config.hpp"

namespace brainmt::baselines {

struct BoostedSettings {
  std::vector<std::int64_t> depth{3, 4, 6};
  std::vector<double> eta{0.02, 0.05, 0.1}, lambda{1, 10};
  int rounds = 2000, patience = 50;
  std::uint64_t seed = 42;

  static BoostedSettings from_config(const config::Config& config);  // xgboost.*, run.seed
};

/// Some people with their targets.
struct Labelled {
  Rows rows;              // of the features
  std::vector<double> y;  // [rows]; 0 and 1 of classes
};

struct GridPoint {
  std::int64_t depth = 0;
  double eta = 0, lambda = 0;
  int rounds = 0;    // up to the lowest loss
  double error = 0;  // there: mean squared error or mean log-loss of the validation people
};

struct BoostedFit {
  std::string model;                // XGBoost's JSON
  std::vector<double> gain, cover;  // mean over the splits of each edge; NaN: not used by any
  std::vector<double> output;       // of the people asked for: value, or logit of class 1
  std::vector<GridPoint> grid;
  std::size_t best = 0;
};

/// Is XGBoost part of this build?
bool has_xgboost();
/// What to do where it is not, for messages.
inline constexpr const char* kHowToGetXgboost =
    "this build has no XGBoost: install its C library (Debian: libxgboost-dev), configure with "
    "-D BRAINMT_WITH_XGBOOST=ON and build again, or leave xgboost out";
/// "1.7.4", or "" without it.
std::string xgboost_version();

/// `x` [people, edges], NaN where missing. Throws UsageError where this build has no XGBoost.
BoostedFit fit_boosted(MatrixView<const float> x, const Labelled& train, const Labelled& validation,
                       const Rows& predicted, bool classes, const BoostedSettings& settings, int threads);

}  // namespace brainmt::baselines
