#include "train/start_weights.hpp"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/nearest.hpp"

namespace brainmt::train {
namespace {

// Columns and kinds in order, as the head's outputs are. A file that does not say what it predicts may fit.
bool has_other_targets(const io::SafetensorsFile& file, const task::TaskDescription& task) {
  const auto text = file.metadata().find(task::kTaskKey);
  const auto found = text == file.metadata().end() ? std::nullopt : task::described_task(text->second);
  return found && !std::ranges::equal(found->targets, task.targets, [](const auto& a, const auto& b) {
           return a.target.task == b.target.task && a.target.name == b.target.name;
         });
}

}  // namespace

void freeze(models::Model& model, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    std::vector<std::string> names;
    bool found = false;
    for (nn::Parameter& p : model.parameters().all()) {
      names.push_back(p.name);
      if (::fnmatch(pattern.c_str(), p.name.c_str(), 0) != 0) continue;
      p.frozen = found = true;
    }
    if (found) continue;
    const std::string nearest = nearest_name(pattern, names);
    throw UsageError(
        fmt::format("init.freeze: no parameter of the model is called '{}'{}; the names are those of "
                    "'brainmt inspect' of its weights",
                    pattern, nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
  }
  if (std::ranges::all_of(model.parameters().all(), &nn::Parameter::frozen))
    throw UsageError("init.freeze: every parameter of the model matches, so there is nothing to train");
}

StartWeights start_from_file(const std::filesystem::path& file, models::Model& model, const task::TaskDescription& task,
                             const io::Cohort& cohort, bool allow_mismatch) {
  const auto weights = io::SafetensorsFile::open(file);
  StartWeights result;
  result.check = run::check_data(weights, cohort, allow_mismatch);
  result.transfer = run::start_from(weights, model, has_other_targets(weights, task));
  return result;
}

void StartWeights::log(const std::filesystem::path& file) const {
  log::info("init.weights={}: {} parameters taken", file.string(), transfer.taken.size());
  if (!transfer.left_out.empty())
    log::info("init.weights: {} keep their initial values: {}", transfer.left_out.size(),
              fmt::join(transfer.left_out, ", "));
  if (!transfer.interpolated.empty())
    log::warn("init.weights: the file's model has windows of another length: {} interpolated in time",
              fmt::join(transfer.interpolated, ", "));
  check.log();
}

}  // namespace brainmt::train
