#include "connectivity/fc.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "connectivity/fc_metadata.hpp"
#include "io/table.hpp"
#include "linalg/parallel.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;

struct Block {
  std::size_t begin = 0, end = 0;
};
Block block_of(std::size_t block, std::size_t blocks, std::size_t count) {
  return {count * block / blocks, count * (block + 1) / blocks};
}

struct Plan {
  std::vector<Source> sources;  // participants, in the order of their first scan
  Fit fit;                      // what some scan covers
  std::vector<std::size_t> absent;
  FcSummary summary;
};

Source& source_of(std::vector<Source>& sources, std::map<std::string, std::size_t>& index, const std::string& id) {
  const auto [known, is_new] = index.try_emplace(id, sources.size());
  if (is_new) sources.push_back({.row = {.id = id, .runs = 0}, .run_rows = {}, .runs = {}});
  return sources[known->second];
}

void note_oddities(const io::Cohort& cohort, const Plan& plan, std::vector<std::string>& notes) {
  std::set<double> repetition_times;
  std::size_t few = 0;
  constexpr std::uint64_t kFewFrames = 30;
  for (const Source& source : plan.sources) {
    for (const RunSegments& run : source.runs) {
      const double tr = cohort.scans()[run.scan].repetition_time;
      if (!std::isnan(tr)) repetition_times.insert(tr);
      few += std::ranges::any_of(run.segments, [](const Segment& s) { return s.count < kFewFrames; }) ? 1 : 0;
    }
  }
  if (cohort.quarantined() > 0)
    notes.push_back(fmt::format("{} scans are in quarantine and not used", cohort.quarantined()));
  if (few > 0)
    notes.push_back(fmt::format("{} runs are estimated from fewer than {} frames: their connectivity is mostly noise",
                                few, kFewFrames));
  if (repetition_times.size() > 1)
    notes.push_back(fmt::format("scans of {} repetition times ({:g} to {:g} s): frames are weighted alike",
                                repetition_times.size(), *repetition_times.begin(), *repetition_times.rbegin()));
  if (!plan.absent.empty())
    notes.push_back(fmt::format("{} of {} parcels are in no scan, their edges are missing: {}", plan.absent.size(),
                                cohort.parcels()->size(), names_of(*cohort.parcels(), plan.absent)));
}

// Which scans and frames, and which parcels exist at all. The same on every rank.
Plan plan_fc(const FcSettings& settings, const io::Cohort& cohort) {
  if (cohort.parcels() == nullptr)
    throw DataError(
        fmt::format("'{}': expected a cohort of parcels, found one of voxels: make it with 'brainmt parcellate "
                    "data.cohort={} atlas=FILE out=parcels.h5'",
                    cohort.path().string(), cohort.path().string()));
  Plan plan;
  std::map<std::string, std::size_t> index;
  std::vector<std::size_t> used;
  for (std::size_t scan = 0; scan < cohort.scans().size(); ++scan) {
    if (!cohort.usable(scan)) continue;
    const io::CohortScan& about = cohort.scans()[scan];
    Source& source = source_of(plan.sources, index, about.participant_id);
    RunSegments run{scan, segments_of(cohort, scan, settings.frames)};
    if (run.segments.empty()) continue;
    source.run_rows.push_back(
        {.id = about.participant_id, .run = about.run, .frames = run.frames(), .mean_fd = about.mean_fd});
    source.runs.push_back(std::move(run));
    used.push_back(scan);
  }
  plan.summary.too_short = std::erase_if(plan.sources, [](const Source& source) { return source.runs.empty(); });
  if (plan.sources.empty())
    throw DataError(fmt::format("'{}': no participant has a scan of {} frames or more", cohort.path().string(),
                                settings.frames.window));
  for (Source& source : plan.sources) {
    double motion = 0;
    int known = 0;
    for (const FcRow& run : source.run_rows) {
      source.row.frames += run.frames;
      if (!std::isnan(run.mean_fd)) motion += run.mean_fd, ++known;
    }
    source.row.runs = static_cast<std::uint32_t>(source.runs.size());
    if (known > 0) source.row.mean_fd = motion / known;
  }
  const std::vector<bool> absent = absent_parcels(cohort, used);
  for (std::uint32_t p = 0; p < absent.size(); ++p) {
    if (absent[p]) {
      plan.absent.push_back(p);
    } else {
      plan.fit.active.push_back(p);
    }
  }
  if (plan.fit.active.size() < 2)
    throw DataError(
        fmt::format("'{}': {} of {} parcels are in any scan, connectivity needs two: is the atlas in the space of "
                    "the scans?",
                    cohort.path().string(), plan.fit.active.size(), absent.size()));
  note_oddities(cohort, plan, plan.summary.notes);
  return plan;
}

// fc.shrinkage=0 leaves a covariance of T frames with rank T - 1.
void require_frames(const FcSettings& settings, const Plan& plan) {
  const bool inverts = settings.kind == Kind::kPartial || settings.kind == Kind::kTangent;
  if (!inverts || !settings.shrinkage || *settings.shrinkage > 0) return;
  const std::size_t nodes = settings.components > 0 ? settings.components : plan.fit.active.size();
  for (const Source& source : plan.sources) {
    for (const RunSegments& run : source.runs) {
      for (const Segment& segment : run.segments) {
        if (segment.count <= nodes + 1)
          throw UsageError(
              fmt::format("fc.shrinkage=0: fc.kind={} of {} parcels needs more than {} frames, participant {} has "
                          "{}: leave the shrinkage to Ledoit and Wolf",
                          name_of(settings.kind), nodes, nodes + 1, source.row.id, segment.count));
      }
    }
  }
}

std::vector<Source> training_of(const FcSettings& settings, const Plan& plan, const io::Cohort& cohort) {
  std::vector<Source> training;
  for (const Source& source : plan.sources) {
    if (std::ranges::binary_search(settings.training->ids, source.row.id)) training.push_back(source);
  }
  if (training.empty())
    throw DataError(
        fmt::format("'{}': none of the {} training participants has a scan that is used: is the split of another "
                    "cohort?",
                    cohort.path().string(), settings.training->ids.size()));
  return training;
}

// Rows of sources [block.begin, block.end), written in order by this rank; several at a time on threads.
void compute_rows(const Plan& plan, const io::Cohort& cohort, const FcSettings& settings, Block block,
                  std::size_t nodes, const std::vector<std::size_t>& first_run, FcWriter& writer, int rank) {
  const std::size_t at_once = static_cast<std::size_t>(std::max(settings.threads, 1)) * 2;
  for (std::size_t first = block.begin; first < block.end; first += at_once) {
    std::vector<ParticipantRows> rows(std::min(at_once, block.end - first));
    linalg::parallel_for(rows.size(), settings.threads, [&](std::size_t i) {
      rows[i] = participant_rows(cohort, plan.sources[first + i].runs, settings, plan.fit, nodes);
    });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      fault::at("fc.row", rank, static_cast<std::int64_t>(first + i));
      writer.write(first + i, rows[i].row);
      for (std::size_t r = 0; r < rows[i].runs.size(); ++r) writer.write_run(first_run[first + i] + r, rows[i].runs[r]);
    }
  }
}

// A shard that a former job left whole, of the same input.
bool is_complete(const fs::path& path, const FcDescription& expected) {
  if (!fs::exists(path)) return false;
  try {
    const FcFile found(path);
    if (fc_format::hash_of(found.description()) == fc_format::hash_of(expected)) {
      std::vector<float> row(found.edges());
      for (std::size_t i = 0; i < found.participants().size(); ++i) found.read_rows(i, 1, row);
      for (std::size_t i = 0; i < found.runs().size(); ++i) found.read_runs(i, 1, row);
      return true;
    }
    log::warn("{}: made of another input; making it again", path.string());
  } catch (const DataError& error) {
    log::warn("{}; making it again", error.what());
  }
  return false;
}

void keep_shard(Plan& plan, const FcShard& shard, FcDescription& description) {
  const Block block = block_of(shard.index - 1, shard.count, plan.sources.size());
  if (block.begin == block.end)
    throw UsageError(fmt::format("shard={}/{}: {} participants are too few for so many shards", shard.index,
                                 shard.count, plan.sources.size()));
  plan.sources = {plan.sources.begin() + static_cast<std::ptrdiff_t>(block.begin),
                  plan.sources.begin() + static_cast<std::ptrdiff_t>(block.end)};
  set_shard(description, shard, block.begin);
}

}  // namespace

FcSettings FcSettings::from_config(const config::Config& config) {
  FcSettings s;
  const auto text = [&](const char* key) { return config.get<std::string>(key); };
  for (const Kind kind : {Kind::kPearson, Kind::kShrunk, Kind::kPartial, Kind::kTangent}) {
    if (text("fc.kind") == name_of(kind)) s.kind = kind;
  }
  s.scale = text("fc.scale") == "raw" ? Scale::kRaw : Scale::kZScore;
  s.global = text("fc.global_signal") == "regress" ? GlobalSignal::kRegress : GlobalSignal::kKeep;
  s.rows_of_runs = text("fc.rows") == "run";
  if (text("fc.subspace") == "coskewness")
    s.components = static_cast<std::size_t>(config.get<std::int64_t>("fc.components"));
  if (const std::string shrinkage = text("fc.shrinkage"); shrinkage != "auto") {
    const auto value = io::parse_number(shrinkage);
    if (!value || *value < 0 || *value > 1)
      throw UsageError(
          fmt::format("fc.shrinkage={}: expected auto (Ledoit and Wolf's) or a number from 0 to 1", shrinkage));
    s.shrinkage = *value;
  }
  return s;
}

void refuse_other(const fs::path& path, const FcDescription& expected) {
  if (!fs::exists(path)) return;
  constexpr const char* kWayOut = "choose another name, or give --overwrite to replace it";
  FcDescription found;
  try {
    found = FcFile(path).description();
  } catch (const DataError& error) {
    throw UsageError(fmt::format("out: {}: {}", error.what(), kWayOut));
  }
  const auto refuse = [&](std::string_view what) {
    throw UsageError(fmt::format("out={}: holds connectivity of another {}: {}", path.string(), what, kWayOut));
  };
  for (const auto& [key, value] : expected.metadata.items())
    if (key != "program" && found.metadata.value(key, nlohmann::ordered_json()) != value) refuse(key);
  if (found.values != expected.values) refuse("array, /" + found.values);
  if (found.parcels.name != expected.parcels.name) refuse("list of parcels");
}

FcSummary compute_fc(const FcSettings& settings, const io::Cohort& cohort, const fs::path& target,
                     const std::optional<FcShard>& shard, comm::Communicator& comm, MPI_Comm mpi) {
  BRAINMT_CHECK(!settings.fits() || settings.training, "no training part");
  Plan plan;
  std::vector<Source> training;
  comm::run_agreed(comm, [&] {
    plan = plan_fc(settings, cohort);
    require_frames(settings, plan);
    if (settings.fits()) training = training_of(settings, plan, cohort);
  });
  const FitReport report = fit_on(cohort, training, settings, plan.fit, comm);
  FcDescription description;
  std::vector<std::size_t> first_run;
  bool complete = false;
  comm::run_agreed(comm, [&] {
    std::vector<std::string> absent;
    for (const std::size_t p : plan.absent) absent.push_back(std::to_string(cohort.parcels()->index[p]));
    description = describe_fc(settings, cohort, plan.fit, report, absent);
    if (shard) keep_shard(plan, *shard, description);
    for (const Source& source : plan.sources) {
      description.participants.push_back(source.row);
      first_run.push_back(description.runs.size());
      if (settings.rows_of_runs)
        description.runs.insert(description.runs.end(), source.run_rows.begin(), source.run_rows.end());
    }
    describe_rows(description);
    if (comm.rank() != 0) return;
    if (shard) complete = is_complete(target, description);
    if (!shard && !settings.overwrite) refuse_other(target, description);
  });
  FcSummary summary = std::move(plan.summary);
  summary.training = report.used;
  if (report.incomplete > 0)
    summary.notes.push_back(fmt::format("{} of {} training participants lack a parcel: nothing was fitted on them",
                                        report.incomplete, training.size()));
  summary.participants = plan.sources.size();
  for (const Source& source : plan.sources) {
    summary.runs += source.runs.size();
    for (const RunSegments& run : source.runs) summary.segments += run.segments.size();
  }
  summary.was_complete = comm::all_reduce_value<std::int64_t>(comm, complete ? 1 : 0, comm::ReduceOp::kMax) > 0;
  if (summary.was_complete) return summary;

  FcWriter writer(mpi, target, description);
  std::exception_ptr failure;
  try {
    const Block block =
        block_of(static_cast<std::size_t>(comm.rank()), static_cast<std::size_t>(comm.size()), plan.sources.size());
    compute_rows(plan, cohort, settings, block, description.parcels.size(), first_run, writer, comm.rank());
    fault::at("fc.commit", comm.rank(), 0);
  } catch (...) {
    failure = std::current_exception();
  }
  writer.commit(failure);
  return summary;
}

}  // namespace brainmt::connectivity
