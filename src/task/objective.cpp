#include "task/objective.hpp"

#include <algorithm>
#include <cmath>

#include "autograd/ops.hpp"
#include "kernels/kinds.hpp"
#include "kernels/ref/loss.hpp"
#include "nn/init.hpp"
#include "task/metrics.hpp"

namespace brainmt::task {
namespace {

constexpr const char* kLogVariance = "objective.log_variance";

// The loss kernels' formulas for one value.
double loss_of_one(Task task, double output, double target) {
  return task == Task::kRegression ? kernels::ref::Mse::value(output, target)
                                   : kernels::ref::BceWithLogits::value(output, target);
}

std::map<std::string, double> metrics_of(Task task, const std::vector<double>& truth,
                                         const std::vector<double>& predicted) {
  if (task == Task::kRegression) {
    const RegressionMetrics m = regression_metrics(truth, predicted);
    return {{"mse", m.mse}, {"mae", m.mae}, {"r2", m.r2}, {"pearson_r", m.pearson_r}};
  }
  const ClassificationMetrics m = classification_metrics(truth, predicted, /*threshold=*/0.0);
  return {{"accuracy", m.accuracy}, {"balanced_accuracy", m.balanced_accuracy}, {"auroc", m.auroc}, {"f1", m.f1}};
}

class Supervised final : public Objective {
 public:
  Supervised(const TaskDescription& task, DType master) : task_(task), kinds_(codes_of(task, master)) {}

  std::int64_t outputs() const override { return std::ssize(task_.targets); }
  std::int64_t terms() const override { return outputs(); }

  void declare(nn::ParameterStore& store) override {
    if (!task_.learns_weights) return;
    int last_layer = 0;  // exempt from layer-wise decay
    for (const nn::Parameter& p : store.all()) last_layer = std::max(last_layer, p.layer);
    log_variance_ = &store.declare(kLogVariance, {outputs()}, /*decay=*/false, last_layer, nn::init::constant(0));
  }

  autograd::Var loss(autograd::Tape& tape, const models::Output& output, const Labels& labels) const override {
    const autograd::Var losses = autograd::label_loss(tape, output.prediction, labels.targets, labels.weights, kinds_);
    if (log_variance_ == nullptr) return losses;
    return autograd::uncertainty_weighted(tape, losses, labels.weights, *log_variance_, kinds_);
  }

  std::map<std::string, double> describe_terms(const std::vector<double>& means) const override {
    std::map<std::string, double> entries;
    if (!task_.is_multitask) return entries;
    const std::vector<double> log_variances = log_variance_ ? log_variance_->value.to_host() : std::vector<double>{};
    for (std::size_t k = 0; k < means.size(); ++k) {
      const std::string& name = task_.targets[k].target.name;
      if (log_variance_ == nullptr) {
        entries[name + ".loss"] = means[k] / task_.targets[k].target.weight;
      } else {
        const bool classes = task_.targets[k].target.task == Task::kClassification;
        entries[name + ".weighted_loss"] = means[k];
        entries[name + ".weight"] = kernels::ref::Uncertainty<double>{log_variances[k], classes}.precision();
      }
    }
    return entries;
  }

  Score score(const std::vector<Scored>& targets) const override {
    Score result;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const auto& [target, scaling, adjustment] = task_.targets[k];
      const auto& [output, truth] = targets[k];
      if (truth.empty()) continue;
      double loss = 0;
      std::vector<double> predicted;
      for (std::size_t i = 0; i < truth.size(); ++i) {
        loss += loss_of_one(target.task, output[i], scaling.scaled(truth[i]));
        predicted.push_back(scaling.original(output[i]));
      }
      loss /= static_cast<double>(truth.size());
      result.loss += target.weight * loss;
      if (task_.is_multitask) result.metrics[prefix(k) + "loss"] = loss;
      for (const auto& [name, value] : metrics_of(target.task, truth, predicted))
        result.metrics[prefix(k) + name] = value;
    }
    return result;
  }

  std::vector<std::string> metric_names() const override {
    std::vector<std::string> names;
    for (std::size_t k = 0; k < task_.targets.size(); ++k) {
      if (task_.is_multitask) names.push_back(prefix(k) + "loss");
      if (task_.learns_weights) {
        names.push_back(prefix(k) + "weighted_loss");
        names.push_back(prefix(k) + "weight");
      }
      for (const auto& [name, value] : metrics_of(task_.targets[k].target.task, {}, {}))
        names.push_back(prefix(k) + name);
    }
    return names;
  }

 private:
  std::string prefix(std::size_t k) const { return task_.is_multitask ? task_.targets[k].target.name + "." : ""; }

  // Allocated before the first pass: a captured step must not allocate.
  static Tensor codes_of(const TaskDescription& task, DType dtype) {
    std::vector<float> codes;
    for (const TargetDescription& d : task.targets)
      codes.push_back(kernels::code_of<float>(d.target.task == Task::kRegression ? kernels::Loss::kMse
                                                                                 : kernels::Loss::kBceWithLogits));
    return Tensor::from_host(codes, {std::ssize(task.targets)}, dtype);
  }

  TaskDescription task_;
  nn::Parameter* log_variance_ = nullptr;  // [K]; null: the targets' weights are fixed
  Tensor kinds_;                           // [K] kernels::code_of()
};

}  // namespace

std::unique_ptr<Objective> supervised(const TaskDescription& task, DType master) {
  return std::make_unique<Supervised>(task, master);
}

}  // namespace brainmt::task
