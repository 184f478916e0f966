// In place of boosted.cpp where XGBoost was not found.
#include "base/error.hpp"
#include "baselines/boosted.hpp"

namespace brainmt::baselines {

bool has_xgboost() { return false; }
std::string xgboost_version() { return {}; }

BoostedFit fit_boosted(MatrixView<const float>, const Labelled&, const Labelled&, const Rows&, bool,
                       const BoostedSettings&, int) {
  throw UsageError(fmt::format("models=xgboost: {}", kHowToGetXgboost));
}

}  // namespace brainmt::baselines
