#include "analysis/embed_metadata.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "io/checksum.hpp"
#include "run/data_origin.hpp"
#include "run/weights.hpp"

namespace brainmt::analysis {
namespace {

using Json = nlohmann::ordered_json;

// Embeddings of participants above it are usually left out of analyses.
constexpr double kMotionLimit = 0.5;  // mm

std::string name_of(Pooling pooling) {
  switch (pooling) {
    case Pooling::kCls:
      return "cls";
    case Pooling::kMean:
      return "mean";
    case Pooling::kBoth:
      return "both";
  }
  return "?";
}

Json preprocessing_of(const io::Cohort& cohort) {
  const auto& layout = cohort.layout();
  Json processing = Json::parse(layout.processing, nullptr, /*allow_exceptions=*/false);
  return {{"normalization", layout.normalization},
          {"layout", layout.layout},
          {"processing", processing.is_discarded() ? Json(layout.processing) : std::move(processing)},
          {"made_by", layout.provenance}};
}

// "2/5": fold number 2, from 0, of 5.
std::string fold_of(const std::optional<task::Split>& split) {
  return split && split->plan.folds > 1 ? fmt::format("{}/{}", split->plan.fold, split->plan.folds) : "none";
}

}  // namespace

EmbeddingDescription describe_embedding(const EmbedSettings& settings, const models::Model& model,
                                        const io::Cohort& cohort, const std::optional<task::Split>& split) {
  const auto frames = static_cast<std::uint64_t>(model.input().frames);
  EmbeddingDescription d{.metadata = {}, .participants = {}, .arrays = {"embeddings"}};
  if (settings.pooling == Pooling::kBoth) d.arrays.push_back("embeddings_mean");
  d.width = static_cast<std::size_t>(model.embedding_width());
  d.token_frames = settings.frame_tokens ? static_cast<std::size_t>(frames) : 0;
  const std::uint64_t stride = settings.stride > 0 ? static_cast<std::uint64_t>(settings.stride) : frames;
  d.metadata = {{"embedding_strategy_id", kEmbeddingStrategy},
                {"model_id", model.id()},
                {"weights_sha256", io::sha256_of_file(settings.weights)},
                {"model_config", Json::parse(run::describe_model(model))}};
  d.metadata.update(model.embedding_facts());
  d.metadata.update(
      Json{{"pooling", name_of(settings.pooling)},
           {"aggregation", "mean over windows of a run, then over runs of a participant"},
           {"tokens", settings.frame_tokens ? "frames: means over places, first window of the first run" : "none"},
           {"sequence_length", frames},
           {"stride", stride},
           {"masking_ratio", 0.0},
           {"precision", settings.activation == DType::kBf16 ? "bf16" : "fp32"},
           {"program", settings.program},
           {"libraries", settings.libraries},
           {"preprocessing", preprocessing_of(cohort)},
           {"atlas", "none"},
           {"normalization_statistics",
            "input: per scan, /scans/mean, /scans/std and /scans/fill_value of the cohort file; "
            "embeddings: none"},
           {"harmonization_id", "none_baseline"},
           {"covariates", "none"},
           {"projector", "none"},
           {"cohort_file", cohort.path().filename().string()},
           {"cohort_fingerprint", run::cohort_fingerprint(cohort)},
           {"part", settings.part ? std::string(task::name_of(*settings.part)) : "all"},
           {"split_sha256", split ? io::sha256_of_file(settings.split_file) : "none"},
           {"seed", split ? Json(split->plan.seed) : Json("none")},
           {"fold_id", fold_of(split)}});
  return d;
}

void describe_participants(EmbeddingDescription& description) {
  std::uint64_t windows = 0, runs = 0, known = 0, above = 0;
  double sum = 0, max_fd = 0;
  std::set<double> repetition_times;
  for (const EmbeddedParticipant& p : description.participants) {
    windows += p.windows;
    runs += p.runs;
    if (!std::isnan(p.repetition_time)) repetition_times.insert(p.repetition_time);
    if (std::isnan(p.mean_fd)) continue;
    ++known;
    sum += p.mean_fd;
    max_fd = std::max(max_fd, p.mean_fd);
    above += p.mean_fd > kMotionLimit ? 1 : 0;
  }
  Json& m = description.metadata;
  m["participants"] = static_cast<std::uint64_t>(description.participants.size());
  m["windows_used"] = windows;
  m["runs"] = runs;
  m["tr"] = repetition_times.size() == 1 ? Json(*repetition_times.begin()) : Json(repetition_times);
  m["qc"] = known == 0 ? Json{{"mean_fd_known", 0}}
                       : Json{{"mean_fd_known", known},
                              {"mean_fd_mean", sum / static_cast<double>(known)},
                              {"mean_fd_max", max_fd},
                              {"above_0.5_mm", above}};
}

void set_shard(EmbeddingDescription& description, const Shard& shard, std::size_t first) {
  description.metadata["shard"] = fmt::format("{}/{}", shard.index, shard.count);
  description.metadata["first_row"] = static_cast<std::uint64_t>(first);
}

void clear_shard(EmbeddingDescription& description) {
  description.metadata.erase("shard");
  description.metadata.erase("first_row");
}

}  // namespace brainmt::analysis
