#include "parcels/parcellate.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/checksum.hpp"
#include "io/printable.hpp"
#include "parcels/image_parcels.hpp"
#include "parcels/packed_parcels.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShards = 999;
constexpr std::string_view kInputs = "; parcels of inputs ";
constexpr std::size_t kDigits = 16;  // of the hash behind it

Grid grid_of(const io::CohortDescription& layout) {
  return {{layout.grid.x, layout.grid.y, layout.grid.z}, layout.affine};
}

// A hash over what decides the result: the voxels of the usable scans, atlas, table and options.
std::string inputs_of(const ParcellateSettings& settings, const io::Cohort& cohort, const CohortAtlas& atlas) {
  io::Sha256 hash;
  const auto add = [&](const std::string& text) { hash.update(std::as_bytes(std::span(text))); };
  for (const io::CohortFile& file : cohort.files()) add(file.digest());
  for (std::size_t s = 0; s < cohort.scans().size(); ++s) add(cohort.usable(s) ? "1" : "0");
  add(atlas.atlas.parcels.atlas_sha256 + atlas.atlas.parcels.table_sha256 + options_of(settings, atlas.grid));
  return hash.finish().substr(0, kDigits);
}

// What a cohort's provenance says of its inputs, whatever version of the program made it; empty: 'parcellate' did not.
std::string inputs_in(const std::string& provenance) {
  const std::size_t at = provenance.find(kInputs);
  return at == std::string::npos ? std::string() : provenance.substr(at, kInputs.size() + kDigits);
}

// Statistics stay those of the voxels; `original` values are what none gives.
void scale(ScanParcels& scan, const io::ScanStatistics& statistics) {
  for (float& value : scan.series)
    value = static_cast<float>(static_cast<double>(value) * statistics.std + statistics.mean);
}

template <class T>
std::vector<T> rows_of(const std::vector<T>& values, const std::vector<std::size_t>& which) {
  std::vector<T> rows;
  for (const std::size_t i : which) rows.push_back(values[i]);
  return rows;
}

bool is_complete(const fs::path& path, const io::CohortLayout& layout) {
  std::error_code missing;
  if (!fs::exists(path, missing)) return false;
  try {
    const io::Cohort there(path);
    return there.parcels() != nullptr && there.layout().provenance == layout.provenance &&
           there.scans().size() == layout.scans.size();
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

Shard parse_shard(std::string_view text) {
  if (text.empty()) return {};
  Shard shard{0, 0};
  const std::size_t slash = text.find('/');
  const auto number = [](std::string_view part, std::size_t& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc{} && end == part.data() + part.size();
  };
  const bool good = slash != std::string_view::npos && number(text.substr(0, slash), shard.number) &&
                    number(text.substr(slash + 1), shard.of) && shard.number >= 1 && shard.number <= shard.of &&
                    shard.of <= kMaxShards;
  if (!good) throw UsageError(fmt::format("shard={}: expected K/N with 1 <= K <= N <= {}", text, kMaxShards));
  return shard;
}

std::string shard_mark(const Shard& shard) {
  return shard.whole() ? std::string() : fmt::format("; shard {} of {}", shard.number, shard.of);
}

fs::path shard_path(const fs::path& out, const Shard& shard) {
  if (shard.whole()) return out;
  return fs::path(out).replace_filename(
      fmt::format("{}.shard-{:03}-of-{:03}{}", out.stem().string(), shard.number, shard.of, out.extension().string()));
}

ParcellateSettings ParcellateSettings::from_config(const config::Config& config) {
  ParcellateSettings s{.atlas = AtlasSettings::from_config(config, "atlas"),
                       .stat = parse_stat(config.get<std::string>("parcellate.stat")),
                       .min_coverage = config.get<double>("parcellate.min_coverage"),
                       .max_missing = config.get<double>("parcellate.max_missing"),
                       .original_units = config.get<std::string>("parcellate.units") == "original",
                       .weights = config.get<std::string>("weighting"),
                       .shard = parse_shard(config.get<std::string>("shard")),
                       .program = {},
                       .overwrite = false};
  if (!s.weights.empty() && s.stat != Stat::kMean)
    throw UsageError(
        fmt::format("weighting conflicts with parcellate.stat={}: weights are for means", name_of(s.stat)));
  return s;
}

std::string options_of(const ParcellateSettings& settings, const GridParcels& grid) {
  nlohmann::ordered_json options{{"stat", name_of(settings.stat)},
                                 {"min_coverage", settings.min_coverage},
                                 {"units", settings.original_units ? "original" : "normalized"},
                                 {"resampled", grid.resampled}};
  if (!settings.weights.empty()) options["weighting_sha256"] = io::sha256_of_file(settings.weights);
  return options.dump();
}

CohortAtlas open_for(const ParcellateSettings& settings, const io::Cohort& cohort) {
  const io::CohortDescription& layout = cohort.layout();
  if (cohort.parcels() != nullptr)
    throw UsageError(
        fmt::format("data.cohort={}: it holds the parcels of {} already, expected voxels as 'brainmt prepare' "
                    "makes them",
                    cohort.path().string(), cohort.parcels()->atlas));
  if (settings.original_units && layout.normalization != "zscore" && layout.normalization != "none")
    throw UsageError(fmt::format("parcellate.units=original: '{}' is normalised by {}, which cannot be undone",
                                 cohort.path().string(), layout.normalization));
  const Grid grid = grid_of(layout);
  CohortAtlas opened;
  opened.atlas = open_atlas(settings.atlas, space_of_data(layout.scans.front().source, grid));
  opened.grid = regrid(opened.atlas, grid);
  if (!settings.weights.empty()) opened.weights = read_weights(settings.weights, grid);
  return opened;
}

ScanParcels CohortParcels::of_scan(std::size_t scan, const std::function<void()>& poke) {
  const io::CohortFile& file = cohort_.file_of(scan);
  if (file_ != &file) {
    packed_ = std::make_unique<PackedParcels>(atlas_.grid, file.scatter.voxel_list(), atlas_.weights);
    file_ = &file;
  }
  const io::CohortScan& description = cohort_.scans()[scan];
  const auto read = [&](std::uint64_t first, std::span<std::uint16_t> out) {
    cohort_.read_window(scan, first, out, io::Cohort::Verify::kYes);
  };
  ScanParcels parcels = packed_->of_scan(read, description.frames, description.statistics.fill, settings_.stat, poke);
  drop_uncovered(parcels, settings_.min_coverage);
  if (settings_.original_units && cohort_.layout().normalization == "zscore")
    scale(parcels,
          settings_.stat == Stat::kSd ? io::ScanStatistics{0, description.statistics.std, 0} : description.statistics);
  return parcels;
}

std::vector<std::size_t> scans_of(const io::Cohort& cohort, const Shard& shard) {
  std::vector<std::size_t> usable, own;
  for (std::size_t s = 0; s < cohort.scans().size(); ++s)
    if (cohort.usable(s)) usable.push_back(s);
  for (std::size_t i = shard.number - 1; i < usable.size(); i += shard.of) own.push_back(usable[i]);
  if (own.empty())
    throw UsageError(
        fmt::format("shard={}/{}: there are only {} scans to share", shard.number, shard.of, usable.size()));
  return own;
}

io::CohortLayout layout_of(const ParcellateSettings& settings, const io::Cohort& cohort, const CohortAtlas& atlas,
                           const std::vector<std::size_t>& scans) {
  io::ParcelTable table = atlas.atlas.parcels;
  table.min_coverage = settings.min_coverage;
  io::CohortLayout layout = parcel_layout(cohort.layout(), table, options_of(settings, atlas.grid));
  if (settings.original_units) layout.normalization = "none";
  layout.provenance = fmt::format("{}{}{}{}", settings.program, kInputs, inputs_of(settings, cohort, atlas),
                                  shard_mark(settings.shard));
  layout.scans = rows_of(layout.scans, scans);
  for (io::PhenotypeColumn& column : layout.phenotypes)
    std::visit([&](auto& values) { values = rows_of(values, scans); }, column.values);
  return layout;
}

void refuse_other(const fs::path& path, const io::CohortLayout& layout) {
  std::error_code missing;
  if (!fs::is_regular_file(fs::symlink_status(path, missing))) return;
  std::string found;
  try {
    found = inputs_in(io::Cohort(path).layout().provenance);
  } catch (const DataError&) {  // damaged
  }
  if (found != inputs_in(layout.provenance))
    throw UsageError(fmt::format(
        "out={}: the cohort there is damaged, or made of other inputs or options: choose another name, or give "
        "--overwrite to replace it",
        path.string()));
}

ParcellateSummary parcellate_cohort(const ParcellateSettings& settings, const io::Cohort& cohort, const fs::path& out,
                                    MPI_Comm mpi, const Progress& progress) {
  comm::MpiCommunicator comm(mpi);
  CohortAtlas atlas;
  std::vector<std::size_t> scans;
  io::CohortLayout layout;
  ParcellateSummary summary;
  const fs::path path = shard_path(out, settings.shard);
  comm::run_agreed(comm, [&] {
    atlas = open_for(settings, cohort);
    scans = scans_of(cohort, settings.shard);
    layout = layout_of(settings, cohort, atlas, scans);
    if (comm.rank() != 0) return;
    summary.was_complete = !settings.shard.whole() && is_complete(path, layout);
    if (settings.shard.whole() && !settings.overwrite) refuse_other(path, layout);
  });
  summary.was_complete = comm::all_reduce_value(comm, summary.was_complete ? 1.0 : 0.0, comm::ReduceOp::kMax) > 0;
  summary.scans = scans.size();
  summary.parcels = layout.parcels->size();
  summary.quarantined = cohort.quarantined();
  summary.atlas = describe(atlas.grid, atlas.atlas);
  summary.notes = atlas.atlas.notes;
  summary.warnings = atlas.atlas.warnings;
  if (summary.was_complete) return summary;
  CohortParcels parcels(settings, cohort, atlas);
  const auto series_of = [&](std::size_t i, const std::function<void()>& poke) {
    return parcels.of_scan(scans[i], poke);
  };
  summary.missing =
      write_parcel_cohort(mpi, path, layout, series_of, settings.max_missing, progress).describe(*layout.parcels);
  return summary;
}

}  // namespace brainmt::parcels
