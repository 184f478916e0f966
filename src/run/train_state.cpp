#include "run/train_state.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.hpp"
#include "run/data_origin.hpp"
#include "run/run_directory.hpp"

namespace brainmt::run {

std::string to_json(const TrainState& s) {
  nlohmann::ordered_json best = nullptr;  // JSON has no infinity
  if (std::isfinite(s.stopping.best)) best = s.stopping.best;
  nlohmann::ordered_json json{{"step", s.step},
                              {"updates", s.updates},
                              {"not_finite_in_a_row", s.not_finite_in_a_row},
                              {"best_loss", best},
                              {"evaluations_without_improvement", s.stopping.without_improvement},
                              {"finished", s.finished},
                              {"ranks", s.ranks},
                              {"global_batch", s.global_batch},
                              {"data_sha256", s.data_sha256},
                              {"identity", s.identity}};
  if (!s.voxels_sha256.empty()) json["voxels_sha256"] = s.voxels_sha256;
  if (!s.data.empty()) json["data"] = nlohmann::ordered_json::parse(s.data);
  return json.dump(2) + "\n";
}

TrainState state_from_json(const std::string& text) {
  TrainState s;
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    json.at("step").get_to(s.step);
    json.at("updates").get_to(s.updates);
    json.at("not_finite_in_a_row").get_to(s.not_finite_in_a_row);
    const auto& best = json.at("best_loss");
    s.stopping.best = best.is_null() ? std::numeric_limits<double>::infinity() : best.get<double>();
    json.at("evaluations_without_improvement").get_to(s.stopping.without_improvement);
    json.at("finished").get_to(s.finished);
    json.at("ranks").get_to(s.ranks);
    json.at("global_batch").get_to(s.global_batch);
    json.at("data_sha256").get_to(s.data_sha256);
    json.at("identity").get_to(s.identity);
    if (json.contains("voxels_sha256")) json["voxels_sha256"].get_to(s.voxels_sha256);
    if (json.contains("data")) s.data = json["data"].dump();
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("state.json of the checkpoint cannot be read: {}", error.what()));
  }
  return s;
}

namespace {

// Keys that only say how the global batch is split, which is compared by itself. With deterministic=world the split
// changes no bit.
bool is_split(const std::string& difference) {
  for (const std::string_view key : {"run.batch_size", "run.accumulate", "run.global_batch"})
    if (difference.starts_with(fmt::format("{} (", key))) return true;
  return false;
}

}  // namespace

void check_same_run(const TrainState& saved, const TrainState& now, const std::string& run_dir,
                    const std::string& data_note, bool any_split) {
  std::vector<std::string> differences = differing_keys(saved.identity, now.identity);
  if (any_split) std::erase_if(differences, is_split);
  // Of another family all keys are others.
  const auto is_family = [](const std::string& text) { return text.starts_with("model.family "); };
  if (std::ranges::any_of(differences, is_family))
    std::erase_if(differences, [&](const std::string& text) { return text.starts_with("model.") && !is_family(text); });
  if (saved.global_batch != now.global_batch)
    differences.push_back(fmt::format("samples per step = ranks x run.batch_size x run.accumulate (was {}, is {})",
                                      saved.global_batch, now.global_batch));
  if (saved.data_sha256 != now.data_sha256)
    differences.push_back("the subjects, labels or scan lengths that data.cohort holds" + data_note);
  if (differences.empty()) return;
  throw UsageError(
      fmt::format("run.dir={} holds a run of another configuration: {}; choose another run.dir, or set these "
                  "back to continue it",
                  run_dir, fmt::join(differences, ", ")));
}

std::vector<std::string> differing_voxels(const TrainState& saved, const TrainState& now) {
  if (saved.voxels_sha256.empty()) return {};
  std::vector<std::string> differences;
  const auto trained = described_origin(saved.data), here = described_origin(now.data);
  const OriginDifferences found = trained && here ? compare(*trained, *here) : OriginDifferences{};
  differences = found.decisive;
  if (!found.repetition_time.empty()) differences.push_back(found.repetition_time);
  if (saved.voxels_sha256 == now.voxels_sha256) return differences;
  if (!found.processing.empty()) differences.push_back(found.processing);
  if (differences.empty()) differences.emplace_back("the voxels of the scans (mask, or checksums of the frames)");
  return differences;
}

}  // namespace brainmt::run
