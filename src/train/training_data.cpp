#include "train/training_data.hpp"

#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/checksum.hpp"

namespace brainmt::train {
namespace {

std::vector<std::string> ids_of(const Dataset& data) {
  std::vector<std::string> ids;
  for (const Subject& subject : data.subjects()) ids.push_back(subject.id);
  return ids;
}

std::vector<std::string> all_participants(const io::Cohort& cohort) {
  std::vector<std::string> ids;
  for (const io::CohortScan& scan : cohort.scans()) ids.push_back(scan.participant_id);
  return ids;
}

Split new_split(const Dataset& data, const SplitSettings& settings) {
  std::vector<Participant> rows;
  for (const Subject& subject : data.subjects()) rows.push_back({subject.id, subject.label});
  const Stratify stratify = data.task() == Task::kClassification ? Stratify::kClasses : Stratify::kQuantiles;
  return make_split(rows, settings.fractions, settings.seed, stratify);
}

std::string fingerprint(const Dataset& data) {
  std::string text;
  for (const Subject& subject : data.subjects()) {
    text += fmt::format("{} {}", subject.id, subject.label);
    for (const std::size_t scan : subject.scans) text += fmt::format(" {}", data.cohort().scans()[scan].frames);
    text += '\n';
  }
  return io::sha256(std::as_bytes(std::span(text)));
}

}  // namespace

Split choose_split(const Dataset& data, const SplitSettings& settings) {
  const auto checked = [&](Split split) {
    check_known(split, all_participants(data.cohort()), data.cohort().path().string());
    return split;
  };
  if (!settings.file.empty()) return checked(load_split(settings.file));
  const std::filesystem::path own = settings.run_dir / "split.json";
  if (!settings.run_dir.empty() && std::filesystem::exists(own)) {
    Split split = load_split(own);
    if (split.seed == settings.seed && split.fractions == settings.fractions) return checked(std::move(split));
    log::info("{}: made with another seed or other fractions; making a new split", own.string());
  }
  return new_split(data, settings);
}

TrainingData prepare_training_data(const io::Cohort& cohort, const TargetSettings& target, const SplitSettings& split,
                                   std::int64_t frames) {
  Dataset data(cohort, target.task, target.column, frames);
  const std::string sha256 = fingerprint(data);
  TrainingData result{std::move(data), {}, {}, {}, sha256};
  result.split = choose_split(result.data, split);
  const std::vector<std::string> ids = ids_of(result.data);
  for (const Part p : kParts) result.parts[static_cast<std::size_t>(p)] = members(result.split, p, ids);
  if (result.part(Part::kTrain).empty())
    throw DataError(
        fmt::format("{}: none of the training participants of the split can be used", cohort.path().string()));
  if (target.shuffle)
    for (const Part p : {Part::kTrain, Part::kVal}) result.data.shuffle_labels(result.part(p), target.seed);
  if (target.task == Task::kRegression) {
    std::vector<double> labels;
    for (const std::size_t subject : result.part(Part::kTrain)) labels.push_back(result.data.subjects()[subject].label);
    result.scaling = fit_scaling(labels, target.column);
  }
  return result;
}

}  // namespace brainmt::train
