#include "baselines/boosted.hpp"

namespace brainmt::baselines {

BoostedSettings BoostedSettings::from_config(const config::Config& config) {
  return {.depth = config.get<std::vector<std::int64_t>>("xgboost.depth"),
          .eta = config.get<std::vector<double>>("xgboost.eta"),
          .lambda = config.get<std::vector<double>>("xgboost.lambda"),
          .rounds = config.get<int>("xgboost.rounds"),
          .patience = config.get<int>("xgboost.patience"),
          .seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed"))};
}

}  // namespace brainmt::baselines
