#include "prepare/shards.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/cohort.hpp"
#include "io/cohort_index.hpp"
#include "prepare/prepare.hpp"
#include "prepare/report.hpp"
#include "prepare/scan_list.hpp"
#include "prepare/session_tables.hpp"
#include "prepare/staging.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::int64_t kMaxShards = 999;
constexpr std::size_t kVoters = 256;

bool parse_number(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad() || text.empty()) throw DataError(fmt::format("cannot read '{}'", path.string()));
  return text;
}

// Where the atlas is a file, also its state.
void add_atlas(const parcels::AtlasSettings& atlas, double min_coverage, const std::function<void(std::string)>& add) {
  add(fmt::format("parcellate {} {} {}", atlas.atlas, atlas.labels.string(), min_coverage));
  for (const std::filesystem::path& file : {std::filesystem::path(atlas.atlas), atlas.labels}) {
    std::error_code missing;
    if (file.empty() || !std::filesystem::is_regular_file(file, missing)) continue;
    const FileStamp stamp = stamp_of(file);
    add(fmt::format("{} {} {}", stamp.size, stamp.seconds, stamp.nanoseconds));
  }
}

// The reports as one: the header line of the first, then the lines of all.
std::string join_reports(const std::vector<std::filesystem::path>& reports) {
  std::string joined, header;
  for (const auto& path : reports) {
    const std::string text = read_text(path);
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (header.empty()) joined = header = text.substr(0, end);
    if (text.compare(0, end, header) != 0) {
      throw DataError(fmt::format("'{}' has other columns than '{}': prepare both shards with the same version",
                                  path.string(), reports.front().string()));
    }
    joined.append(text, end);
  }
  return joined;
}

}  // namespace

Shard parse_shard(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t slash = text.find('/');
  Shard shard;
  const bool good = slash != std::string_view::npos && parse_number(text.substr(0, slash), shard.number) &&
                    parse_number(text.substr(slash + 1), shard.of) && shard.number >= 1 && shard.number <= shard.of &&
                    shard.of <= kMaxShards;
  if (!good) throw UsageError(fmt::format("shard is '{}', expected K/N with 1 <= K <= N <= {}", text, kMaxShards));
  return shard;
}

std::filesystem::path shard_path(const std::filesystem::path& output, const Shard& shard) {
  if (shard.whole()) return output;
  const std::string name = fmt::format("{}.shard-{:03}-of-{:03}{}", output.stem().string(), shard.number, shard.of,
                                       output.extension().string());
  return std::filesystem::path(output).replace_filename(name);
}

std::vector<std::uint8_t> decides_space(std::size_t scans) {
  std::vector<std::uint8_t> deciding(scans, scans <= kVoters ? 1 : 0);
  for (std::size_t i = 0; scans > kVoters && i < kVoters; ++i) deciding[i * scans / kVoters] = 1;
  return deciding;
}

std::vector<std::uint8_t> scans_of_shard(const Shard& shard, const std::vector<ScanEntry>& scans) {
  std::vector<std::uint8_t> own(scans.size(), 1);
  if (shard.whole()) return own;
  std::int64_t usable = 0, others = 0;
  for (std::size_t s = 0; s < scans.size(); ++s) {
    const std::int64_t turn = scans[s].usable() ? usable++ : others++;
    own[s] = turn % shard.of == shard.number - 1 ? 1 : 0;
  }
  if (shard.number > usable) {
    throw UsageError(fmt::format("shard={}/{}: there are only {} scans to share", shard.number, shard.of, usable));
  }
  return own;
}

std::string shard_mark(const PrepareConfig& config, const std::vector<ScanEntry>& own) {
  io::Sha256 hash;
  const auto add = [&](std::string text) {
    text += "\n";
    hash.update(std::as_bytes(std::span(text)));
  };
  add(config.processing.identity());
  add(fmt::format("{} {} {} {}", config.list.layout_name(), config.list.wants_mni(), config.table_settings.id_column,
                  config.min_frames));
  add(fmt::format("quality {}", static_cast<int>(config.quality)));
  for (const std::string& column : config.table_settings.columns) add(column);
  if (config.table_settings.keep_ukb_codes) add("ukb_codes=keep");
  if (config.atlas) add_atlas(*config.atlas, config.min_coverage, add);
  const auto add_file = [&](const std::filesystem::path& path) {
    const FileStamp stamp = stamp_of(path);
    add(fmt::format("{} {} {}", stamp.size, stamp.seconds, stamp.nanoseconds));
  };
  const std::filesystem::path table = config.table();
  if (!table.empty()) add_file(table);
  if (!config.labels.empty()) add_file(config.labels);
  for (const auto& file : find_session_tables(config.list)) add_file(file);
  for (const ScanEntry& scan : own) {
    add(fmt::format("{} {} {} {}", scan.file, scan.participant_id, scan.run, scan.motion));
    if (scan.usable()) add_file(config.list.input / scan.file);
    for (const std::string& file : {scan.motion, scan.mask, scan.sidecar, scan.coverage}) {
      std::error_code missing;
      if (scan.usable() && std::filesystem::exists(config.list.input / file, missing) && !file.empty())
        add_file(config.list.input / file);
    }
  }
  return fmt::format("; shard {} of {} of inputs {}", config.shard.number, config.shard.of, hash.finish());
}

bool is_shard(const std::filesystem::path& output, const std::filesystem::path& report, const std::string& mark) {
  std::error_code missing;
  if (!std::filesystem::exists(output, missing) || !std::filesystem::exists(report, missing)) return false;
  try {
    return io::Cohort(output).layout().provenance.ends_with(mark);
  } catch (const DataError&) {
    return false;
  }
}

MergeSummary merge_shards(const std::filesystem::path& output, std::int64_t of, comm::Communicator& comm) {
  MergeSummary summary{.shards = static_cast<std::size_t>(of), .report = report_path(output)};
  comm::run_agreed(comm, [&] {
    if (of < 1 || of > kMaxShards) throw UsageError(fmt::format("merge is {}, expected 1 to {}", of, kMaxShards));
    if (comm.rank() != 0) return;
    std::vector<std::filesystem::path> shards, reports;
    std::vector<std::int64_t> absent;
    for (std::int64_t number = 1; number <= of; ++number) {
      shards.push_back(shard_path(output, {number, of}));
      reports.push_back(report_path(shards.back()));
      std::error_code missing;
      const bool there =
          std::filesystem::exists(shards.back(), missing) && std::filesystem::exists(reports.back(), missing);
      if (!there) absent.push_back(number);
    }
    if (!absent.empty()) {
      throw UsageError(
          fmt::format("{} of {} shards are missing: {}; run prepare with shard=K/{} for them, first "
                      "expected file '{}'",
                      absent.size(), of, fmt::join(absent, ","), of,
                      shards[static_cast<std::size_t>(absent.front() - 1)].string()));
    }
    const std::string joined = join_reports(reports);
    io::write_cohort_index(output, shards);
    io::write_atomically(summary.report, joined);
    summary.scans = io::Cohort(output).scans().size();
  });
  return summary;
}

}  // namespace brainmt::prepare
