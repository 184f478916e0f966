#include "train/validation.hpp"

#include <algorithm>

#include "comm/gather.hpp"
#include "task/reconstruction.hpp"
#include "task/sampler.hpp"
#include "train/window_pass.hpp"

namespace brainmt::train {

task::Score validate_reconstruction(models::Model& model, const task::Dataset& data,
                                    const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                                    comm::Communicator& comm) {
  const auto frames = static_cast<std::size_t>(model.input().frames);
  std::vector<std::size_t> scans, lengths;
  for (const std::size_t subject : subjects)
    for (const std::size_t scan : data.subjects()[subject].scans) {
      scans.push_back(scan);
      lengths.push_back(data.cohort().scans()[scan].frames);
    }
  const std::size_t stride = settings.stride > 0 ? static_cast<std::size_t>(settings.stride) : frames;
  const std::size_t all = task::evaluation_windows(lengths, frames, stride, 0, 1).size();
  const task::Block mine =
      task::block_of(static_cast<std::size_t>(comm.rank()), static_cast<std::size_t>(comm.size()), all);
  std::vector<io::WindowRequest> requests;
  for (const auto& window : task::evaluation_windows(lengths, frames, stride, comm.rank(), comm.size()))
    requests.push_back({scans[window.scan], window.first_frame, frames});
  BRAINMT_CHECK(requests.size() == mine.size(), "{} windows, {} expected", requests.size(), mine.size());

  std::vector<task::ReconstructionSums> sums;
  bool absolute = false;
  const WindowPass pass{.batch = settings.batch,
                        .prefetch = settings.prefetch,
                        .want = models::kReconstruction,
                        .first_number = static_cast<std::int64_t>(mine.begin)};
  run_windows(model, data.cohort(), requests, pass, [&](const models::Output& out, std::int64_t count) {
    absolute = out.absolute_error;
    const std::vector<double> predicted = out.reconstruction.value().to_host(), truth = out.target.to_host();
    const std::vector<double> hidden = out.hidden.to_host();
    const std::size_t size = truth.size() / static_cast<std::size_t>(count);
    for (std::size_t first = 0; first < truth.size(); first += size) {
      const auto part = [&](const std::vector<double>& v) { return std::span(v).subspan(first, size); };
      sums.push_back(task::reconstruction_sums(part(predicted), part(truth), part(hidden), frames));
    }
  });
  const auto gathered = comm::gather_in_order<task::ReconstructionSums>(comm, sums);
  const double any = absolute ? 1 : 0;
  const auto flags = comm::gather_in_order<double>(comm, std::span(&any, 1));
  return task::reconstruction_score(gathered, std::ranges::any_of(flags, [](double flag) { return flag > 0; }));
}

task::Score validate_model(models::Model& model, const task::Objective& objective, const task::TrainingData& data,
                           const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                           comm::Communicator& comm) {
  if (data.task.is_reconstruction) return validate_reconstruction(model, data.data, subjects, settings, comm);
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
