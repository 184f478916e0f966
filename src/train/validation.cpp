#include "train/validation.hpp"

namespace brainmt::train {

task::Score validate_model(models::Model& model, const task::Objective& objective, const task::TrainingData& data,
                           const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                           comm::Communicator& comm) {
  std::vector<task::Scored> targets(data.outputs());
  for (const SubjectOutput& output : predict(model, data.data, subjects, settings, comm)) {
    const task::Subject& subject = data.data.subjects()[output.subject];
    for (std::size_t k = 0; k < targets.size(); ++k) {
      if (!subject.has_label(k)) continue;
      targets[k].output.push_back(output.outputs.at(k));
      targets[k].truth.push_back(subject.labels[k]);
    }
  }
  return objective.score(targets);
}

}  // namespace brainmt::train
