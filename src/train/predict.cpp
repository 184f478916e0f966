#include "train/predict.hpp"

#include <algorithm>
#include <optional>

#include "comm/gather.hpp"
#include "train/sampler.hpp"
#include "train/window_stream.hpp"

namespace brainmt::train {
namespace {

// The scans of all subjects, one after the other.
struct ScanList {
  std::vector<std::size_t> scans, frames;
};

ScanList scans_of(const Dataset& data, const std::vector<std::size_t>& subjects) {
  ScanList list;
  for (const std::size_t subject : subjects) {
    for (const std::size_t scan : data.subjects()[subject].scans) {
      list.scans.push_back(scan);
      list.frames.push_back(data.cohort().scans()[scan].frames);
    }
  }
  return list;
}

// The model's outputs for `windows`, in their order.
std::vector<double> run_windows(models::BrainMT& model, const io::Cohort& cohort, const ScanList& list,
                                const std::vector<EvaluationWindow>& windows, const PredictSettings& settings) {
  const auto frames = static_cast<std::uint64_t>(model.config().frames);
  std::size_t requested = 0;
  const auto source = [&]() -> std::optional<io::WindowRequest> {
    if (requested == windows.size()) return std::nullopt;
    const EvaluationWindow& window = windows[requested++];
    return io::WindowRequest{list.scans[window.scan], window.first_frame, frames};
  };
  WindowStream stream(cohort, source, model.config().frames, settings.prefetch, model.parameters().activation_dtype());
  std::vector<double> outputs;
  while (outputs.size() < windows.size()) {
    const auto left = static_cast<std::int64_t>(windows.size() - outputs.size());
    autograd::Tape tape(autograd::Tape::Mode::kForget);
    const autograd::Var input(stream.take(std::min(left, settings.batch)));
    for (const double y : model.forward(tape, input, {}).output.value().to_host()) outputs.push_back(y);
  }
  return outputs;
}

}  // namespace

std::vector<SubjectOutput> predict(models::BrainMT& model, const Dataset& data,
                                   const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                                   comm::Communicator& comm) {
  const ScanList list = scans_of(data, subjects);
  const auto frames = static_cast<std::size_t>(model.config().frames);
  const std::size_t stride = settings.stride > 0 ? static_cast<std::size_t>(settings.stride) : frames;
  const auto windows = evaluation_windows(list.frames, frames, stride, comm.rank(), comm.size());
  const std::vector<double> mine = run_windows(model, data.cohort(), list, windows, settings);
  const std::vector<double> outputs = comm::gather_in_order<double>(comm, mine);

  std::vector<SubjectOutput> result;
  std::size_t scan = 0, window = 0;
  for (const std::size_t subject : subjects) {
    SubjectOutput sum{.subject = subject};
    const std::size_t runs = data.subjects()[subject].scans.size();
    for (std::size_t run = 0; run < runs; ++run, ++scan) {
      const std::size_t count = evaluation_starts(list.frames[scan], frames, stride).size();
      double of_scan = 0;
      for (std::size_t i = 0; i < count; ++i) of_scan += outputs.at(window++);
      sum.output += of_scan / static_cast<double>(count);
      sum.windows += static_cast<std::int64_t>(count);
    }
    sum.output /= static_cast<double>(runs);
    result.push_back(sum);
  }
  BRAINMT_CHECK(window == outputs.size(), "{} outputs for {} windows", outputs.size(), window);
  return result;
}

}  // namespace brainmt::train
