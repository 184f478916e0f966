#include "analysis/inspect_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "analysis/report_data.hpp"
#include "base/error.hpp"
#include "io/directory_lock.hpp"
#include "models/registry.hpp"
#include "run/checkpoint_files.hpp"
#include "run/run_keys.hpp"
#include "run/train_state.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

Json step_or_null(const std::optional<std::int64_t>& step) { return step ? Json(*step) : Json(nullptr); }

// "brainmt: embed_dim 32, depth [2, 2], num_frames 24": the keys of its family that decide results.
std::string model_of(const RunRecord& run) {
  const std::string family = run.setting(std::string(config::kFamilyKey));  // "" in runs from before there were several
  const models::Family& found = family.empty() ? models::families().front() : models::family_named(family);
  std::string text(found.name);
  for (const config::Key& key : found.keys().keys) {
    const std::string value = run.setting(key.name);
    if (!key.defines_result || value.empty() || value == config::to_yaml(key.default_value)) continue;
    text += fmt::format("{} {} {}", text == found.name ? ":" : ",", key.name.substr(key.name.find('.') + 1), value);
  }
  return text;
}

// The metrics that were logged with the lowest validation loss.
Json best_validation(const RunRecord& run) {
  const auto* losses = run.curve("val", "loss");
  if (losses == nullptr || losses->empty()) return nullptr;
  const auto best =
      std::ranges::min_element(*losses, {}, [](const CurvePoint& p) { return std::isnan(p[1]) ? INFINITY : p[1]; });
  Json found{{"loss", (*best)[1]}, {"step", static_cast<std::int64_t>((*best)[0])}};
  for (const auto& [name, points] : run.curves.at("val")) {
    if (name == "loss") continue;
    for (const CurvePoint& p : points)
      if (p[0] == (*best)[0]) found[name] = p[1];
  }
  return found;
}

std::optional<run::TrainState> state_of(const fs::path& checkpoints, std::int64_t step) {
  std::ifstream file(checkpoints / run::step_name(step) / run::kStateFile);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::nullopt;
  return run::state_from_json(text.str());
}

// State of the run, and the next command.
std::string state_text(const fs::path& path, const std::optional<std::int64_t>& latest) {
  if (const auto owner = io::lock_owner(path)) return "running: " + *owner;
  if (!latest) return "no checkpoint yet; the same 'brainmt train' command starts it again";
  const auto state = state_of(path / "checkpoints", *latest);
  if (!state) return "its latest checkpoint is not complete: try --verify";
  if (state->finished) return "finished";
  return fmt::format("stopped at step {}; the same command continues it: brainmt train --config {}", *latest,
                     (path / "config.yaml").string());
}

void describe(const RunRecord& run, Json& out) {
  const std::string target = run.setting("task.target");
  out["task"] = run.setting("task");
  out["target"] = target.empty() ? run.setting("task.targets") : target;
  out["model"] = model_of(run);
  out["cohort"] = run.setting("data.cohort");
  Json parts = Json::object();
  for (const char* part : {"train", "val", "test"})
    if (run.split.contains(part)) parts[part] = std::stoll(run.split.at(part));
  out["participants"] = parts;
  out["best_validation"] = best_validation(run);
  if (const auto* losses = run.curve("train", "loss"); losses != nullptr && !losses->empty())
    out["last_step"] = static_cast<std::int64_t>(losses->back()[0]);
  if (const auto* epochs = run.curve("train", "epoch"); epochs != nullptr && !epochs->empty())
    out["epoch"] = fmt::format("{:g} of {}", epochs->back()[1], run.setting("run.epochs"));
}

Json files_in(const fs::path& path) {
  Json files = Json::array();
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path().filename().string());
  std::sort(files.begin(), files.end());
  return files;
}

// The folder of a model of `brainmt baseline`.
Json inspect_baseline(const fs::path& path) {
  std::ifstream in(path / run::kBaselineFile);
  const Json baseline = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!baseline.is_object())
    throw DataError(
        fmt::format("{}: expected JSON; run the command that wrote it again", (path / run::kBaselineFile).string()));
  const RunRecord run = read_run(path);
  Json out{{"kind", "baseline"}, {"path", path.string()}};
  for (const char* key : {"model", "task", "fitted_on"})
    if (baseline.contains(key)) out[key] = baseline[key];
  out["cohort"] = run.setting("data.cohort");
  out["fc"] = run.setting("fc");
  for (const char* part : {"train", "val", "test"})
    if (run.split.contains(part)) out["participants"][part] = std::stoll(run.split.at(part));
  out["targets"] = baseline.value("targets", Json::array());
  out["evaluated"] = run.evaluated_part;
  out["files"] = files_in(path);
  return out;
}

}  // namespace

Json inspect_run(const fs::path& path, bool verify) {
  if (run::is_baseline(path)) return inspect_baseline(path);
  const fs::path checkpoints = path / "checkpoints";
  const auto latest = run::read_pointer(checkpoints, "latest");
  Json out{{"kind", "run"}, {"path", path.string()}};
  if (fs::exists(path / "config.yaml")) describe(read_run(path), out);
  out["state"] = state_text(path, latest);
  out["checkpoints"] = Json::array();
  for (const std::int64_t step : run::list_steps(checkpoints)) {
    if (verify) run::verify_checkpoint(checkpoints, step);
    out["checkpoints"].push_back(step);
  }
  out["best"] = step_or_null(run::read_pointer(checkpoints, "best"));
  out["latest"] = step_or_null(latest);
  out["files"] = files_in(path);
  if (verify) out["verified"] = "every checkpoint matches its manifest";
  return out;
}

}  // namespace brainmt::analysis
