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

}  // namespace

kernels::Loss loss_kind(Task task) {
  return task == Task::kRegression ? kernels::Loss::kMse : kernels::Loss::kBceWithLogits;
}

Validation validate_model(models::BrainMT& model, const TrainingData& data, const std::vector<std::size_t>& subjects,
                          const PredictSettings& settings, comm::Communicator& comm) {
  Validation result;
  std::vector<double> truth, predicted;
  for (const SubjectOutput& subject : predict(model, data.data, subjects, settings, comm)) {
    const double label = data.data.subjects()[subject.subject].label;
    result.loss += loss_of_one(data.data.task(), subject.output, data.scaling.scaled(label));
    truth.push_back(label);
    predicted.push_back(data.scaling.original(subject.output));
  }
  result.loss /= static_cast<double>(subjects.size());
  result.metrics = metrics_of(data.data.task(), truth, predicted);
  return result;
}

}  // namespace brainmt::train
