#pragma once
// Objective: the losses of a task as autograd operations, and the same formulas in double for validation.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/model.hpp"
#include "task/task_description.hpp"

namespace brainmt::task {

/// Of a micro batch, target varies fastest: [B * K] each, in device memory.
struct Labels {
  Tensor targets;  // scaled; anything where the label is missing
  Tensor weights;  // share of each label in the loss of the global batch; 0 where it is missing
};

/// One target's predictions, of the participants with a label.
struct Scored {
  std::vector<double> output;  // what the model gave: a logit, or a scaled value
  std::vector<double> truth;   // original units; 0 or 1
};

struct Score {
  double loss = 0;  // sum over targets of weight x mean over participants, of scaled targets
  /// In original units; with several targets as "<target>.<metric>", and "<target>.loss" without its weight.
  std::map<std::string, double> metrics{};
};

class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::int64_t outputs() const = 0;     // K of the model
  virtual unsigned wants() const { return 0; }  // models::Want of a training pass
  /// Declares the objective's own parameters in the model's store before it is allocated. Names begin with
  /// kObjectivePrefix.
  virtual void declare(nn::ParameterStore&) {}
  /// [B, terms]: the sum of all terms of all ranks is the loss of the global batch.
  virtual autograd::Var loss(autograd::Tape& tape, const models::Output& output, const Labels& labels) const = 0;
  virtual std::int64_t terms() const = 0;
  /// The entries of a log line for the mean of each term over some steps.
  virtual std::map<std::string, double> describe_terms(const std::vector<double>& means) const = 0;
  /// `targets` [K].
  virtual Score score(const std::vector<Scored>& targets) const = 0;
  /// The names that describe_terms() and Score::metrics may have, in an order for tables.
  virtual std::vector<std::string> metric_names() const = 0;
};

inline constexpr const char* kObjectivePrefix = "objective.";

/// MSE of scaled values for each regression, BCE of logits for each classification, with the targets' weights, or with
/// weights learned from their uncertainty. `master`: the type of predictions.
std::unique_ptr<Objective> supervised(const TaskDescription& task, DType master = DType::kF32);

}  // namespace brainmt::task
