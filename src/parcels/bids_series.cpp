#include "parcels/bids_series.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/atomic_file.hpp"
#include "io/bids_name.hpp"
#include "io/nifti.hpp"
#include "io/printable.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kDescription = "dataset_description.json";
constexpr const char* kGenerator = "brainmt parcellate";

std::string text_of(float value) { return std::isnan(value) ? "n/a" : fmt::format("{}", value); }

// Names may hold what would break the table.
std::string field(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

std::string series_table(const io::ParcelTable& parcels, const ScanParcels& scan) {
  std::string text;
  for (std::size_t p = 0; p < parcels.size(); ++p) text += (p == 0 ? "" : "\t") + field(parcels.name[p]);
  for (std::size_t i = 0; i < scan.series.size(); ++i)
    text += (i % parcels.size() == 0 ? "\n" : "\t") + text_of(scan.series[i]);
  return text + "\n";
}

std::string coverage_table(const io::ParcelTable& parcels, const ScanParcels& scan) {
  std::string text = "Node\tcoverage\n";
  for (std::size_t p = 0; p < parcels.size(); ++p)
    text += fmt::format("{}\t{:.6g}\n", field(parcels.name[p]), scan.coverage[p]);
  return text;
}

std::string map_table(const io::ParcelTable& parcels, const ScanParcels& scan) {
  std::string text = "index\tname\themisphere\tnetwork_label\tvoxels\tcoverage\tvalue\n";
  const auto known = [](const std::string& value) { return value.empty() ? std::string("n/a") : field(value); };
  for (std::size_t p = 0; p < parcels.size(); ++p)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{:.6g}\t{}\n", parcels.index[p], field(parcels.name[p]),
                        known(parcels.hemisphere[p]), known(parcels.network[p]), scan.voxels[p], scan.coverage[p],
                        text_of(scan.series[p]));
  return text;
}

// What both tables of a scan say beside them.
Json sidecar(const ParcellateSettings& settings, const CohortAtlas& atlas, const std::string& source) {
  const io::ParcelTable& parcels = atlas.atlas.parcels;
  return {{"Sources", {source}},
          {"SpatialReference", parcels.space.empty() ? Json(nullptr) : Json(parcels.space)},
          {"Atlas", parcels.atlas},
          {"AtlasSHA256", parcels.atlas_sha256},
          {"LabelTableSHA256", parcels.table_sha256},
          {"Parcellate", Json::parse(options_of(settings, atlas.grid))},
          {"GeneratedBy", {{{"Name", kGenerator}, {"Description", settings.program}}}}};
}

void add_sampling(Json& json, double repetition_time) {
  if (!(repetition_time > 0)) return;
  json["RepetitionTime"] = repetition_time;
  json["SamplingFrequency"] = 1 / repetition_time;
}

void write_json(const fs::path& path, const Json& json) {
  io::write_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

bool names_generator(const fs::path& file) {
  std::ifstream in(file);
  const Json json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.value("GeneratedBy", Json::array()).dump().find(kGenerator) != std::string::npos;
}

// A table without our sidecar beside it is somebody else's.
void refuse_foreign(const std::string& base) {
  for (const char* ending : {".tsv", ".json"}) {
    std::error_code unknown;
    if (fs::exists(fs::symlink_status(base + ending, unknown)) && !names_generator(base + ".json"))
      throw UsageError(fmt::format("out: '{}{}' was not written by '{}', and is not replaced: choose another folder",
                                   base, ending, kGenerator));
  }
}

// The two tables of a scan and their sidecars, as <stem>_atlas-..._...
void write_scan(const fs::path& stem, const ParcellateSettings& settings, const CohortAtlas& atlas,
                const ScanParcels& scan, const std::string& source, double repetition_time) {
  const std::string base = fmt::format("{}_atlas-{}", stem.string(), atlas_label(atlas.atlas.parcels.atlas));
  const std::string series = fmt::format("{}_stat-{}_timeseries", base, name_of(settings.stat));
  const std::string coverage = base + "_stat-coverage_bold";
  refuse_foreign(series);
  refuse_foreign(coverage);
  io::write_atomically(series + ".tsv", series_table(atlas.atlas.parcels, scan));
  io::write_atomically(coverage + ".tsv", coverage_table(atlas.atlas.parcels, scan));
  Json json = sidecar(settings, atlas, source);
  write_json(coverage + ".json", json);
  add_sampling(json, repetition_time);
  write_json(series + ".json", json);
}

void write_atlas(const fs::path& out, const CohortAtlas& atlas) {
  const io::ParcelTable& parcels = atlas.atlas.parcels;
  const fs::path base = out / fmt::format("atlas-{}_dseg", atlas_label(parcels.atlas));
  constexpr std::int32_t kMaxInt16 = 32767;
  io::NiftiHeader header;
  header.dimensions = 3;
  header.shape = {atlas.grid.grid.shape[0], atlas.grid.grid.shape[1], atlas.grid.grid.shape[2], 1};
  header.type = parcels.index.back() > kMaxInt16 ? io::NiftiType::kFloat32 : io::NiftiType::kInt16;
  header.affine = atlas.grid.grid.affine;
  io::write_nifti_gz(base.string() + ".nii.gz", header, [&](std::int64_t, std::span<float> frame) {
    for (std::size_t v = 0; v < frame.size(); ++v) {
      const std::uint16_t column = atlas.grid.column[v];
      frame[v] = column == 0 ? 0.0f : static_cast<float>(parcels.index[column - 1u]);
    }
  });
  std::string text = "index\tname\themisphere\tnetwork_label\tx\ty\tz\n";
  const auto known = [](const std::string& value) { return value.empty() ? std::string("n/a") : field(value); };
  for (std::size_t p = 0; p < parcels.size(); ++p) {
    const auto& mm = parcels.centroid[p];
    text += fmt::format("{}\t{}\t{}\t{}\t{:.2f}\t{:.2f}\t{:.2f}\n", parcels.index[p], field(parcels.name[p]),
                        known(parcels.hemisphere[p]), known(parcels.network[p]), mm[0], mm[1], mm[2]);
  }
  io::write_atomically(base.string() + ".tsv", text);
  write_json(base.string() + ".json", {{"Name", parcels.atlas},
                                       {"AtlasSHA256", parcels.atlas_sha256},
                                       {"LabelTableSHA256", parcels.table_sha256},
                                       {"SpatialReference", parcels.space},
                                       {"Resampled", atlas.grid.resampled}});
}

std::string letters_and_digits(std::string_view text) {
  std::string kept;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) kept += c;
  return kept;
}

// <folder>/<stem> of each scan; refuses two that would have one name.
std::vector<fs::path> stems_of(const io::Cohort& cohort, const std::vector<std::size_t>& scans,
                               const std::string& space, const fs::path& out) {
  std::vector<fs::path> stems;
  std::map<std::string, std::size_t> seen;
  for (const std::size_t s : scans) {
    const io::CohortScan& scan = cohort.scans()[s];
    std::string stem = bids_stem(scan);
    const auto [other, is_new] = seen.try_emplace(stem, s);
    if (!is_new)
      throw DataError(
          fmt::format("scans {} and {} would both be written as {}: format=bids needs ids and runs that differ "
                      "in letters and digits",
                      io::printable(cohort.scans()[other->second].source), io::printable(scan.source), stem));
    const std::size_t session = stem.find("_ses-");
    fs::path folder = out / stem.substr(0, stem.find('_'));
    if (session != std::string::npos) folder /= stem.substr(session + 1, stem.find('_', session + 1) - session - 1);
    if (!space.empty()) stem += "_space-" + letters_and_digits(space);
    stems.push_back(folder / "func" / stem);
  }
  return stems;
}

}  // namespace

std::string bids_stem(const io::CohortScan& scan) {
  std::string_view id = scan.participant_id;
  if (id.starts_with("sub-")) id.remove_prefix(4);
  std::string stem = "sub-" + letters_and_digits(id);
  const auto name = io::parse_bids_name(scan.run + "_bold.nii");
  if (scan.run.empty() || !name) {
    stem += "_task-rest";
    return scan.run.empty() ? stem : stem + "_acq-" + letters_and_digits(scan.run);
  }
  const std::string_view session = name->value("ses"), task = name->value("task");
  if (!session.empty()) stem += fmt::format("_ses-{}", session);
  stem += fmt::format("_task-{}", task.empty() ? "rest" : task);
  const std::string rest = name->without({"sub", "ses", "task", "space", "res", "desc"});
  return rest.empty() ? stem : stem + "_" + rest;
}

bool is_own_folder(const fs::path& folder) {
  std::error_code failed;
  if (!fs::exists(folder, failed)) return true;
  if (!fs::is_directory(folder, failed)) return false;
  if (fs::is_empty(folder, failed)) return true;
  return names_generator(folder / kDescription);
}

ParcellateSummary parcellate_to_bids(const ParcellateSettings& settings, const io::Cohort& cohort, const fs::path& out,
                                     MPI_Comm mpi, const Progress& progress) {
  comm::MpiCommunicator comm(mpi);
  CohortAtlas atlas;
  std::vector<std::size_t> scans;
  std::vector<fs::path> stems;
  comm::run_agreed(comm, [&] {
    atlas = open_for(settings, cohort);
    scans = scans_of(cohort, {});
    const Grid& grid = atlas.grid.grid;
    stems = stems_of(cohort, scans, space_of_data(cohort.scans().front().source, grid).name, out);
    if (comm.rank() != 0) return;
    for (const fs::path& stem : stems) fs::create_directories(stem.parent_path());
    write_json(out / kDescription, {{"Name", "Parcels of " + cohort.path().filename().string()},
                                    {"BIDSVersion", "1.9.0"},
                                    {"DatasetType", "derivative"},
                                    {"GeneratedBy", {{{"Name", kGenerator}, {"Description", settings.program}}}}});
    write_atlas(out, atlas);
  });
  CohortParcels parcels(settings, cohort, atlas);
  MissingParcels missing(atlas.grid.parcels());
  const auto take = [&](std::size_t i, const ScanParcels& scan) {
    const io::CohortScan& description = cohort.scans()[scans[i]];
    write_scan(stems[i], settings, atlas, scan, description.source, description.repetition_time);
    missing.add(scan, settings.min_coverage);
  };
  for_each_scan(
      mpi, scans.size(), [&](std::size_t i, const auto& poke) { return parcels.of_scan(scans[i], poke); }, take,
      progress);
  missing.reduce(comm);
  comm::run_agreed(comm, [&] { missing.check(atlas.atlas.parcels, settings.max_missing); });
  return {.scans = scans.size(),
          .parcels = atlas.grid.parcels(),
          .quarantined = cohort.quarantined(),
          .was_complete = false,
          .atlas = describe(atlas.grid, atlas.atlas),
          .missing = missing.describe(atlas.atlas.parcels),
          .notes = atlas.atlas.notes,
          .warnings = atlas.atlas.warnings};
}

ParcellateSummary parcellate_image(const ParcellateSettings& settings, const fs::path& image, const fs::path& out) {
  const Image found = describe_image(image);
  CohortAtlas atlas;
  atlas.atlas = open_atlas(settings.atlas, space_of_data(image, found.grid));
  atlas.grid = regrid(atlas.atlas, found.grid);
  if (!settings.weights.empty()) atlas.weights = read_weights(settings.weights, found.grid);
  ScanParcels scan = parcels_of_image(image, atlas.grid, atlas.weights, settings.stat);
  drop_uncovered(scan, settings.min_coverage);
  MissingParcels missing(atlas.grid.parcels());
  missing.add(scan, settings.min_coverage);
  missing.check(atlas.atlas.parcels, settings.max_missing);
  fs::create_directories(out);
  const std::string file = image.filename().string();
  const auto name = io::parse_bids_name(file);
  const std::string stem = name ? name->without({"desc"}) : file.substr(0, file.find(".nii"));
  if (found.is_scan) {
    write_scan(out / stem, settings, atlas, scan, file, found.repetition_time);
  } else {
    const fs::path base = out / fmt::format("{}_atlas-{}_stat-{}_map", stem, atlas_label(atlas.atlas.parcels.atlas),
                                            name_of(settings.stat));
    refuse_foreign(base.string());
    io::write_atomically(base.string() + ".tsv", map_table(atlas.atlas.parcels, scan));
    write_json(base.string() + ".json", sidecar(settings, atlas, file));
  }
  return {.scans = 1,
          .parcels = atlas.grid.parcels(),
          .quarantined = 0,
          .was_complete = false,
          .atlas = describe(atlas.grid, atlas.atlas),
          .missing = missing.describe(atlas.atlas.parcels),
          .notes = atlas.atlas.notes,
          .warnings = atlas.atlas.warnings};
}

}  // namespace brainmt::parcels
