#include "train/predict.hpp"

#include "comm/gather.hpp"
#include "task/sampler.hpp"
#include "train/window_pass.hpp"

namespace brainmt::train {
namespace {

// The scans of all subjects, one after the other.
struct ScanList {
  std::vector<std::size_t> scans, frames;
};

ScanList scans_of(const task::Dataset& data, const std::vector<std::size_t>& subjects) {
  ScanList list;
  for (const std::size_t subject : subjects) {
    for (const std::size_t scan : data.subjects()[subject].scans) {
      list.scans.push_back(scan);
      list.frames.push_back(data.cohort().scans()[scan].frames);
    }
  }
  return list;
}

// The model's outputs [windows, targets], in the order of the windows.
std::vector<double> outputs_of(models::Model& model, const io::Cohort& cohort, const ScanList& list,
                               const std::vector<task::EvaluationWindow>& windows, const PredictSettings& settings) {
  const auto frames = static_cast<std::uint64_t>(model.input().frames);
  std::vector<io::WindowRequest> requests;
  for (const task::EvaluationWindow& window : windows)
    requests.push_back({list.scans[window.scan], window.first_frame, frames});
  std::vector<double> outputs;
  run_windows(model, cohort, requests, {.batch = settings.batch, .prefetch = settings.prefetch},
              [&](const models::Output& out, std::int64_t) {
                for (const double y : out.prediction.value().to_host()) outputs.push_back(y);
              });
  return outputs;
}

}  // namespace

PredictSettings PredictSettings::from_config(const config::Config& config, std::int64_t default_batch) {
  const auto batch = config.get<std::int64_t>("eval.batch_size");
  return {.stride = config.get<std::int64_t>("eval.stride"),
          .batch = batch > 0 ? batch : default_batch,
          .prefetch = config.get<std::int64_t>("data.prefetch")};
}

std::vector<SubjectOutput> predict(models::Model& model, const task::Dataset& data,
                                   const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                                   comm::Communicator& comm) {
  const ScanList list = scans_of(data, subjects);
  const auto frames = static_cast<std::size_t>(model.input().frames);
  const std::size_t stride = settings.stride > 0 ? static_cast<std::size_t>(settings.stride) : frames;
  const auto windows = task::evaluation_windows(list.frames, frames, stride, comm.rank(), comm.size());
  const std::vector<double> mine = outputs_of(model, data.cohort(), list, windows, settings);
  const std::vector<double> outputs = comm::gather_in_order<double>(comm, mine);

  const auto targets = static_cast<std::size_t>(model.outputs());
  std::vector<SubjectOutput> result;
  std::size_t scan = 0, next = 0;
  for (const std::size_t subject : subjects) {
    SubjectOutput mean{.subject = subject, .outputs = std::vector<double>(targets, 0.0)};
    for (std::size_t run = 0; run < data.subjects()[subject].scans.size(); ++run, ++scan)
      mean.windows += static_cast<std::int64_t>(task::evaluation_starts(list.frames[scan], frames, stride).size());
    for (std::int64_t window = 0; window < mean.windows; ++window)
      for (double& output : mean.outputs) output += outputs.at(next++);
    for (double& output : mean.outputs) output /= static_cast<double>(mean.windows);
    result.push_back(std::move(mean));
  }
  BRAINMT_CHECK(next == outputs.size(), "{} outputs, {} used", outputs.size(), next);
  return result;
}

}  // namespace brainmt::train
