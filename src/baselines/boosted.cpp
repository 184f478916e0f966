#include "baselines/boosted.hpp"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "baselines/kernel_fit.hpp"

namespace brainmt::baselines {
namespace {

void check(int result, const char* call) {
  if (result != 0) throw InternalError(fmt::format("XGBoost, {}: {}", call, XGBGetLastError()));
}

class Data {
 public:
  // The library copies.
  Data(MatrixView<const float> x, const Rows& rows, int threads) {
    const bool is_block =
        std::ranges::adjacent_find(rows, [](std::size_t a, std::size_t b) { return b != a + 1; }) == rows.end() &&
        x.ld == x.cols;
    std::vector<float> copied;
    const float* values = rows.empty() ? nullptr : x.row(rows.front());
    if (!is_block) {
      for (const std::size_t row : rows) copied.insert(copied.end(), x.row(row), x.row(row) + x.cols);
      values = copied.data();
    }
    check(XGDMatrixCreateFromMat_omp(values, rows.size(), x.cols, std::numeric_limits<float>::quiet_NaN(), &handle_,
                                     threads),
          "XGDMatrixCreateFromMat");
  }
  Data(MatrixView<const float> x, const Labelled& people, int threads) : Data(x, people.rows, threads) {
    const std::vector<float> labels(people.y.begin(), people.y.end());
    check(XGDMatrixSetFloatInfo(handle_, "label", labels.data(), labels.size()), "XGDMatrixSetFloatInfo");
  }
  ~Data() { XGDMatrixFree(handle_); }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  DMatrixHandle handle() const { return handle_; }

 private:
  DMatrixHandle handle_ = nullptr;
};

class Booster {
 public:
  explicit Booster(const std::vector<DMatrixHandle>& data) {
    check(XGBoosterCreate(data.data(), data.size(), &handle_), "XGBoosterCreate");
  }
  explicit Booster(BoosterHandle handle) : handle_(handle) {}
  ~Booster() { XGBoosterFree(handle_); }
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  BoosterHandle handle() const { return handle_; }

  void set(const char* name, const std::string& value) {
    check(XGBoosterSetParam(handle_, name, value.c_str()), "XGBoosterSetParam");
  }
  void update(int round, const Data& train) {
    check(XGBoosterUpdateOneIter(handle_, round, train.handle()), "XGBoosterUpdateOneIter");
  }
  // Values, or logits. Of matrices that the booster was made with only new trees are added.
  std::vector<double> predict(const Data& data) const {
    constexpr const char* kMargin =
        R"({"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false})";
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* values = nullptr;
    check(XGBoosterPredictFromDMatrix(handle_, data.handle(), kMargin, &shape, &dimensions, &values),
          "XGBoosterPredictFromDMatrix");
    return {values, values + shape[0]};
  }
  // With its first trees alone.
  BoosterHandle first(int rounds) const {
    BoosterHandle sliced = nullptr;
    check(XGBoosterSlice(handle_, 0, rounds, 1, &sliced), "XGBoosterSlice");
    return sliced;
  }
  std::string json() const {
    bst_ulong length = 0;
    const char* text = nullptr;
    check(XGBoosterSaveModelToBuffer(handle_, R"({"format": "json"})", &length, &text), "XGBoosterSaveModelToBuffer");
    return {text, length};
  }
  std::vector<double> scores(const char* type, std::size_t edges) const {
    bst_ulong features = 0, dimensions = 0;
    const char** names = nullptr;
    const bst_ulong* shape = nullptr;
    const float* values = nullptr;
    check(XGBoosterFeatureScore(handle_, fmt::format(R"({{"importance_type": "{}"}})", type).c_str(), &features, &names,
                                &dimensions, &shape, &values),
          "XGBoosterFeatureScore");
    std::vector<double> scores(edges, std::numeric_limits<double>::quiet_NaN());
    for (bst_ulong f = 0; f < features; ++f)  // "f12"
      scores.at(std::strtoull(names[f] + 1, nullptr, 10)) = values[f];
    return scores;
  }

 private:
  BoosterHandle handle_ = nullptr;
};

double mean_of(const std::vector<double>& y) {
  return std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(y.size());
}

double error_of(const std::vector<double>& output, const std::vector<double>& y, bool classes) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    sum += classes ? log_loss(output[i], y[i]) : (output[i] - y[i]) * (output[i] - y[i]);
  return sum / static_cast<double>(y.size());
}

void set_parameters(Booster& booster, const GridPoint& point, const Labelled& train, bool classes,
                    const BoostedSettings& settings, int threads) {
  booster.set("objective", classes ? "binary:logistic" : "reg:squarederror");
  booster.set("base_score", fmt::format("{}", static_cast<float>(mean_of(train.y))));
  booster.set("tree_method", "hist");
  booster.set("max_bin", "64");
  booster.set("max_depth", fmt::format("{}", point.depth));
  booster.set("eta", fmt::format("{}", point.eta));
  booster.set("lambda", fmt::format("{}", point.lambda));
  booster.set("min_child_weight", "2");
  booster.set("subsample", "0.8");
  booster.set("colsample_bytree", "0.2");
  booster.set("seed", fmt::format("{}", settings.seed & 0x7fffffffU));
  booster.set("nthread", fmt::format("{}", threads));
  booster.set("disable_default_eval_metric", "1");
  booster.set("verbosity", "0");
}

}  // namespace

bool has_xgboost() { return true; }

std::string xgboost_version() {
  int major = 0, minor = 0, patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

BoostedFit fit_boosted(MatrixView<const float> x, const Labelled& train, const Labelled& validation,
                       const Rows& predicted, bool classes, const BoostedSettings& settings, int threads) {
  BRAINMT_CHECK(!train.rows.empty() && !validation.rows.empty(), "{} training, {} validation people", train.rows.size(),
                validation.rows.size());
  const Data training(x, train, threads), validating(x, validation, threads);
  BoostedFit fit;
  std::optional<Booster> best;
  for (const std::int64_t depth : settings.depth) {
    for (const double eta : settings.eta) {
      for (const double lambda : settings.lambda) {
        GridPoint point{.depth = depth, .eta = eta, .lambda = lambda};
        Booster booster({training.handle(), validating.handle()});
        set_parameters(booster, point, train, classes, settings, threads);
        point.error = std::numeric_limits<double>::infinity();
        for (int round = 0; round < settings.rounds && round - point.rounds < settings.patience; ++round) {
          booster.update(round, training);
          const double error = error_of(booster.predict(validating), validation.y, classes);
          if (error < point.error) point.error = error, point.rounds = round + 1;
        }
        if (!best || point.error < fit.grid[fit.best].error) {
          fit.best = fit.grid.size();
          best.emplace(booster.first(point.rounds));
        }
        fit.grid.push_back(point);
      }
    }
  }
  fit.model = best->json();
  fit.gain = best->scores("gain", x.cols);
  fit.cover = best->scores("cover", x.cols);
  if (!predicted.empty()) fit.output = best->predict(Data(x, predicted, threads));
  return fit;
}

}  // namespace brainmt::baselines
