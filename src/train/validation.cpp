#include "train/validation.hpp"

#include <algorithm>
#include <cmath>

#include "train/metrics.hpp"

namespace brainmt::train {
namespace {

// The loss kernels' formulas for one value, in double.
double loss_of_one(Task task, double output, double target) {
  if (task == Task::kRegression) return (output - target) * (output - target);
  return std::max(output, 0.0) - output * target + std::log1p(std::exp(-std::abs(output)));
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

std::string prefix_of(const TaskDescription& task, std::size_t target) {
  return task.is_multitask ? task.targets[target].target.name + "." : "";
}

}  // namespace

std::vector<kernels::Loss> loss_kinds(const TaskDescription& task) {
  std::vector<kernels::Loss> kinds;
  for (const TargetDescription& d : task.targets)
    kinds.push_back(d.target.task == Task::kRegression ? kernels::Loss::kMse : kernels::Loss::kBceWithLogits);
  return kinds;
}

std::vector<std::string> metric_names(const TaskDescription& task) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < task.targets.size(); ++k) {
    if (task.is_multitask) names.push_back(prefix_of(task, k) + "loss");
    for (const auto& [name, value] : metrics_of(task.targets[k].target.task, {}, {}))
      names.push_back(prefix_of(task, k) + name);
  }
  return names;
}

Validation validate_model(models::BrainMT& model, const TrainingData& data, const std::vector<std::size_t>& subjects,
                          const PredictSettings& settings, comm::Communicator& comm) {
  Validation result;
  const std::vector<SubjectOutput> outputs = predict(model, data.data, subjects, settings, comm);
  for (std::size_t k = 0; k < data.outputs(); ++k) {
    const auto& [target, scaling, adjustment] = data.task.targets[k];
    double loss = 0;
    std::vector<double> truth, predicted;
    for (const SubjectOutput& output : outputs) {
      const Subject& subject = data.data.subjects()[output.subject];
      if (!subject.has_label(k)) continue;
      loss += loss_of_one(target.task, output.outputs.at(k), scaling.scaled(subject.labels[k]));
      truth.push_back(subject.labels[k]);
      predicted.push_back(scaling.original(output.outputs.at(k)));
    }
    if (truth.empty()) continue;
    loss /= static_cast<double>(truth.size());
    result.loss += target.weight * loss;
    if (data.task.is_multitask) result.metrics[prefix_of(data.task, k) + "loss"] = loss;
    for (const auto& [name, value] : metrics_of(target.task, truth, predicted))
      result.metrics[prefix_of(data.task, k) + name] = value;
  }
  return result;
}

}  // namespace brainmt::train
