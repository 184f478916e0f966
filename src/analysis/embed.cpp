#include "analysis/embed.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <map>

#include "analysis/embed_metadata.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "run/load_model.hpp"
#include "task/sampler.hpp"
#include "train/window_pass.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

Pooling pooling_of(const std::string& name) {
  if (name == "mean") return Pooling::kMean;
  return name == "both" ? Pooling::kBoth : Pooling::kCls;
}

// A participant with the scans that go into the embedding, in the cohort's order.
struct Source {
  EmbeddedParticipant participant;
  std::vector<std::size_t> scans;
};

struct Prepared {
  std::unique_ptr<models::Model> model;
  std::vector<Source> sources;  // of the whole cohort, or of the part
  std::size_t too_short = 0;
  EmbeddingDescription description;  // without participants
  run::DataCheck check;
};

std::vector<std::size_t> starts_of(const io::Cohort& cohort, std::size_t scan, const models::Model& model,
                                   std::int64_t stride) {
  const auto frames = static_cast<std::size_t>(model.input().frames);
  return task::evaluation_starts(cohort.scans()[scan].frames, frames,
                                 stride > 0 ? static_cast<std::size_t>(stride) : frames);
}

// Means over the scans; motion over those where it is known.
void describe_scans(Source& source, const io::Cohort& cohort, const models::Model& model, std::int64_t stride) {
  EmbeddedParticipant& p = source.participant;
  double motion = 0, tr = 0;
  int known = 0, timed = 0;
  for (const std::size_t scan : source.scans) {
    const io::CohortScan& s = cohort.scans()[scan];
    p.windows += static_cast<std::uint32_t>(starts_of(cohort, scan, model, stride).size());
    if (!std::isnan(s.repetition_time)) {
      tr += s.repetition_time;
      ++timed;
    }
    if (std::isnan(s.mean_fd)) continue;
    motion += s.mean_fd;
    ++known;
  }
  p.runs = static_cast<std::uint32_t>(source.scans.size());
  p.repetition_time = timed > 0 ? tr / timed : std::numeric_limits<double>::quiet_NaN();
  if (known > 0) p.mean_fd = motion / known;
}

std::string part_name(const std::optional<task::Split>& split, const std::string& id) {
  if (split)
    for (const task::Part part : task::kParts)
      if (std::ranges::binary_search(split->of(part), id)) return std::string(task::name_of(part));
  return "none";
}

// All participants in the order of their first scan; scans in quarantine are not used.
std::vector<Source> participants_of(const io::Cohort& cohort) {
  std::vector<Source> all;
  std::map<std::string, std::size_t> index;
  for (std::size_t scan = 0; scan < cohort.scans().size(); ++scan) {
    if (!cohort.usable(scan)) continue;
    const std::string& id = cohort.scans()[scan].participant_id;
    const auto [known, is_new] = index.try_emplace(id, all.size());
    if (is_new) all.push_back({.participant = {.id = id}, .scans = {}});
    all[known->second].scans.push_back(scan);
  }
  return all;
}

Prepared prepare(const EmbedSettings& settings, const io::Cohort& cohort) {
  const auto file = io::SafetensorsFile::open(settings.weights);
  Prepared result;
  result.model = run::load_model(file, settings.model, /*targets=*/1, cohort, settings.activation);
  result.check = run::check_data(file, cohort, settings.allow_mismatch);
  const auto frames = static_cast<std::uint64_t>(result.model->input().frames);
  std::optional<task::Split> split;
  if (!settings.split_file.empty()) split = task::load_split(settings.split_file);
  std::vector<Source> all = participants_of(cohort);
  if (split) {
    std::vector<std::string> ids;
    for (const io::CohortScan& scan : cohort.scans()) ids.push_back(scan.participant_id);  // in quarantine too
    task::check_known(*split, ids, cohort.path().string());
  }
  for (Source& source : all) {
    source.participant.part = part_name(split, source.participant.id);
    if (settings.part && source.participant.part != task::name_of(*settings.part)) continue;
    std::erase_if(source.scans, [&](std::size_t scan) { return cohort.scans()[scan].frames < frames; });
    if (source.scans.empty()) {
      ++result.too_short;
      continue;
    }
    describe_scans(source, cohort, *result.model, settings.stride);
    result.sources.push_back(std::move(source));
  }
  if (result.sources.empty())
    throw DataError(
        fmt::format("{}: no participant of this split has a run of {} frames or more", cohort.path().string(), frames));
  result.description = describe_embedding(settings, *result.model, cohort, split);
  if (!result.check.mismatches.empty()) result.description.metadata["data_mismatch"] = result.check.mismatches;
  if (!result.check.warnings.empty()) result.description.metadata["data_difference"] = result.check.warnings;
  return result;
}

// Running sums of one participant over its windows.
struct Sums {
  std::vector<double> run, participant;  // [arrays, width]
  std::vector<float> tokens;
};

// Rows of participants [block.begin, block.end), handed to `store` one by one in order.
void compute_rows(const Prepared& prepared, const io::Cohort& cohort, const EmbedSettings& settings,
                  ParticipantBlock block, const std::function<void(std::size_t, const EmbeddingRow&)>& store) {
  models::Model& model = *prepared.model;
  const auto frames = static_cast<std::uint64_t>(model.input().frames);
  struct Window {
    std::size_t participant, scan_number, of_scan;  // of_scan: windows of this scan
    bool first, last;                               // window of the scan
  };
  std::vector<io::WindowRequest> requests;
  std::vector<Window> windows;
  for (std::size_t p = block.begin; p < block.end; ++p) {
    const Source& source = prepared.sources[p];
    for (std::size_t s = 0; s < source.scans.size(); ++s) {
      const auto starts = starts_of(cohort, source.scans[s], model, settings.stride);
      for (std::size_t i = 0; i < starts.size(); ++i) {
        requests.push_back({source.scans[s], starts[i], frames});
        windows.push_back({p, s, starts.size(), i == 0, i + 1 == starts.size()});
      }
    }
  }

  std::size_t next = 0;
  Sums sums;
  const auto take = [&](const models::Output& output, std::int64_t) {
    const Window& window = windows[next++];
    std::vector<double> values;
    if (settings.pooling != Pooling::kMean) values = output.embedding.value().to_host();
    if (settings.pooling != Pooling::kCls)
      std::ranges::copy(output.mean_embedding.to_host(), std::back_inserter(values));
    if (window.first && window.scan_number == 0) {
      sums = {.run = {}, .participant = std::vector<double>(values.size(), 0.0), .tokens = {}};
      if (settings.frame_tokens)
        for (const double x : model.frame_embeddings(output.tokens).to_host())
          sums.tokens.push_back(static_cast<float>(x));
    }
    if (window.first) sums.run.assign(values.size(), 0.0);
    for (std::size_t c = 0; c < values.size(); ++c) sums.run[c] += values[c];
    if (!window.last) return;
    const Source& source = prepared.sources[window.participant];
    for (std::size_t c = 0; c < values.size(); ++c)
      sums.participant[c] += sums.run[c] / static_cast<double>(window.of_scan);
    if (window.scan_number + 1 < source.scans.size()) return;
    EmbeddingRow row{.values = {}, .tokens = std::move(sums.tokens)};
    for (const double x : sums.participant)
      row.values.push_back(static_cast<float>(x / static_cast<double>(source.scans.size())));
    store(window.participant, row);
  };
  // Batch size 1, so that a window's bits do not depend on the others in its batch.
  train::run_windows(model, cohort, requests,
                     {.batch = 1,
                      .prefetch = settings.prefetch,
                      .want = (settings.pooling != Pooling::kCls ? models::kMeanEmbedding : 0u) |
                              (settings.frame_tokens ? models::kTokens : 0u)},
                     take);
}

void check_finite(const EmbeddingRow& row, const std::string& id) {
  const auto finite = [](float x) { return std::isfinite(x); };
  if (!std::ranges::all_of(row.values, finite) || !std::ranges::all_of(row.tokens, finite))
    throw NonFiniteError(
        fmt::format("the embedding of participant {} is not finite: check the scan, or use "
                    "precision=fp32",
                    id));
}

// A shard that a former job left whole, of the same input.
bool is_complete(const fs::path& path, const EmbeddingDescription& expected) {
  if (!fs::exists(path)) return false;
  try {
    const EmbeddingFile found(path);
    if (found.description().metadata == expected.metadata &&
        found.description().participants == expected.participants) {
      found.rows();
      return true;
    }
    log::warn("{}: made of another input; making it again", path.string());
  } catch (const DataError& error) {
    log::warn("{}; making it again", error.what());
  }
  return false;
}

// Overwrites an existing file only if it was made from the same weights and settings.
void refuse_other_embeddings(const fs::path& path, EmbeddingDescription expected) {
  if (!fs::exists(path)) return;
  EmbeddingDescription found = EmbeddingFile(path).description();
  for (const char* key : {"program", "libraries"}) {
    found.metadata.erase(key);
    expected.metadata.erase(key);
  }
  for (const auto& [key, value] : expected.metadata.items())
    if (found.metadata.value(key, nlohmann::ordered_json()) != value)
      throw UsageError(fmt::format(
          "out={}: holds embeddings of another {}: choose another name, or give --overwrite to replace them",
          path.string(), key));
}

}  // namespace

ParticipantBlock share_of(const std::vector<EmbeddedParticipant>& participants, std::size_t block, std::size_t blocks) {
  std::uint64_t total = 0;
  for (const EmbeddedParticipant& p : participants) total += p.windows;
  // A participant belongs to the block in whose share its first window lies.
  const auto begin_of = [&](std::size_t b) {
    std::uint64_t before = 0;
    std::size_t i = 0;
    while (i < participants.size() && before * blocks < b * total) before += participants[i++].windows;
    return i;
  };
  return {begin_of(block), begin_of(block + 1)};
}

EmbedSettings EmbedSettings::from_config(const config::Config& given, const config::Config& keys) {
  return {.weights = given.get<std::string>("weights"),
          .model = models::plan_of(given),
          .activation = models::precision_from_config(keys),
          .allow_mismatch = given.get<bool>("data.allow_mismatch"),
          .split_file = given.get<std::string>("data.split_file"),
          .part = task::part_named(given.get<std::string>("split")),
          .pooling = pooling_of(given.get<std::string>("embed.pooling")),
          .frame_tokens = given.get<std::string>("embed.tokens") == "frames",
          .stride = given.get<std::int64_t>("embed.stride"),
          .prefetch = keys.get<std::int64_t>("data.prefetch"),
          .overwrite = false,
          .program = {},
          .libraries = {}};
}

EmbedSummary embed(const EmbedSettings& settings, const io::Cohort& cohort, const fs::path& out,
                   const std::optional<Shard>& shard, comm::Communicator& comm, MPI_Comm mpi) {
  std::optional<Prepared> prepared;
  bool complete = false;
  const fs::path target = shard ? shard_path(out, *shard) : out;
  comm::run_agreed(comm, [&] {
    prepared.emplace(prepare(settings, cohort));
    auto& [model, sources, too_short, description, check] = *prepared;
    if (comm.rank() == 0) check.log();
    for (const Source& source : sources) description.participants.push_back(source.participant);
    if (shard) {
      const ParticipantBlock block = share_of(description.participants, shard->index - 1, shard->count);
      if (block.begin == block.end)
        throw UsageError(fmt::format("shard={}/{}: {} participants are too few for so many shards", shard->index,
                                     shard->count, sources.size()));
      const auto keep = [&](auto& list) {
        const auto first = list.begin();
        list = std::decay_t<decltype(list)>(std::make_move_iterator(first + static_cast<std::ptrdiff_t>(block.begin)),
                                            std::make_move_iterator(first + static_cast<std::ptrdiff_t>(block.end)));
      };
      keep(sources);
      keep(description.participants);
      set_shard(description, *shard, block.begin);
    }
    describe_participants(description);
    if (shard && comm.rank() == 0) complete = is_complete(target, description);
    if (!shard && !settings.overwrite && comm.rank() == 0) refuse_other_embeddings(target, description);
  });
  EmbedSummary summary{.participants = prepared->sources.size(), .windows = 0, .too_short = prepared->too_short};
  for (const EmbeddedParticipant& p : prepared->description.participants) summary.windows += p.windows;
  summary.was_complete = comm::all_reduce_value<std::int64_t>(comm, complete ? 1 : 0, comm::ReduceOp::kMax) > 0;
  if (summary.was_complete) return summary;

  EmbeddingWriter writer(mpi, target, prepared->description);
  std::exception_ptr failure;
  try {
    const auto block = share_of(prepared->description.participants, static_cast<std::size_t>(comm.rank()),
                                static_cast<std::size_t>(comm.size()));
    compute_rows(*prepared, cohort, settings, block, [&](std::size_t participant, const EmbeddingRow& row) {
      check_finite(row, prepared->sources[participant].participant.id);
      fault::at("embed.row", comm.rank(), static_cast<std::int64_t>(participant));
      writer.write(participant, row);
    });
    fault::at("embed.commit", comm.rank(), 0);
  } catch (...) {
    failure = std::current_exception();
  }
  writer.commit(failure);
  return summary;
}

}  // namespace brainmt::analysis
