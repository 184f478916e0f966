#include "analysis/inspection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <variant>

#include "analysis/cohort_summary.hpp"
#include "analysis/embedding_file.hpp"
#include "analysis/inspect_embeddings.hpp"
#include "analysis/inspect_run.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "connectivity/fc_file.hpp"
#include "io/cohort.hpp"
#include "io/file_kind.hpp"
#include "io/repetition_times.hpp"
#include "io/safetensors.hpp"
#include "run/weights.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

Json describe_column(const io::PhenotypeColumn& column) {
  Json out{{"column", column.name}};
  if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
    std::vector<double> known;
    std::copy_if(numbers->begin(), numbers->end(), std::back_inserter(known), [](double x) { return !std::isnan(x); });
    out["kind"] = "number";
    out["missing"] = numbers->size() - known.size();
    if (known.empty()) return out;
    const auto [low, high] = std::minmax_element(known.begin(), known.end());
    out["least"] = *low;
    out["largest"] = *high;
    return out;
  }
  const auto& texts = std::get<std::vector<std::string>>(column.values);
  out["kind"] = "text";
  out["missing"] = std::count(texts.begin(), texts.end(), "");
  out["different"] = std::set<std::string>(texts.begin(), texts.end()).size();
  return out;
}

// Scans with findings of each kind; null where they were not counted.
Json quality_of(const std::vector<io::CohortScan>& scans) {
  Json out = Json::object();
  for (const auto& [name, member] : io::cohort_format::kQuality) {
    std::size_t found = 0;
    for (const io::CohortScan& scan : scans) {
      if (!scan.quality) return nullptr;
      found += (*scan.quality).*member > 0 ? 1 : 0;
    }
    out[fmt::format("scans_with_{}", name)] = found;
  }
  return out;
}

// One warning a column that can be told from the fill value.
void warn_of_leaks(const Json& leaks) {
  for (const Json& leak : leaks) {
    if (!leak["leaks"].get<bool>()) continue;
    log::warn(
        "the fill value of a scan tells {} ({} {} over {} participants): a model can read it off the background; "
        "prepare with fill=0, the same value in every scan",
        leak["column"].get<std::string>(), leak["measure"].get<std::string>(), leak["value"].get<double>(),
        leak["participants"].get<std::size_t>());
  }
}

// Of each parcel, whether the scan lacks it: by its voxels and coverage, or where a cohort of tables does not know them, by
// its first frame.
std::vector<bool> missing_parcels(const io::Cohort& cohort, std::size_t scan) {
  const auto voxels = cohort.parcel_voxels(scan);
  const auto coverage = cohort.parcel_coverage(scan);
  std::vector<bool> missing(voxels.size());
  if (std::ranges::any_of(voxels, [](std::uint32_t count) { return count > 0; })) {
    for (std::size_t p = 0; p < voxels.size(); ++p)
      missing[p] = voxels[p] == 0 || coverage[p] < cohort.parcels()->min_coverage;
    return missing;
  }
  std::vector<float> frame(voxels.size());
  try {
    cohort.read_series(scan, 0, frame, io::Cohort::Verify::kNo);
  } catch (const DataError&) {  // --verify names it
    return missing;
  }
  for (std::size_t p = 0; p < voxels.size(); ++p) missing[p] = std::isnan(frame[p]);
  return missing;
}

// {parcels, atlas, ...}: what a cohort of parcels has instead of a grid, and how many values are missing in its scans.
Json describe_parcels(const io::Cohort& cohort) {
  constexpr double kMuch = 0.1;
  const io::ParcelTable& table = *cohort.parcels();
  std::vector<std::size_t> missing(table.size(), 0);
  std::size_t scans_with = 0;
  for (std::size_t s = 0; s < cohort.scans().size(); ++s) {
    std::size_t here = 0;
    const std::vector<bool> lacks = missing_parcels(cohort, s);
    for (std::size_t p = 0; p < table.size(); ++p) {
      missing[p] += lacks[p] ? 1 : 0;
      here += lacks[p] ? 1 : 0;
    }
    scans_with += here > 0 ? 1 : 0;
  }
  Json often = Json::array();
  for (std::size_t p = 0; p < table.size(); ++p)
    if (static_cast<double>(missing[p]) > kMuch * static_cast<double>(cohort.scans().size()))
      often.push_back(table.name[p]);
  std::set<std::string> networks(table.network.begin(), table.network.end());
  networks.erase("");
  return {{"parcels", table.size()},
          {"networks", networks},
          {"atlas", table.atlas},
          {"atlas_sha256", table.atlas_sha256},
          {"table_sha256", table.table_sha256},
          {"space", table.space},
          {"min_coverage", table.min_coverage},
          {"scans_with_missing_parcels", scans_with},
          {"parcels_missing_often", often}};  // in more than a tenth of the scans
}

Json inspect_cohort(const fs::path& path, bool verify, bool quarantine) {
  const io::Cohort cohort(path);
  const io::CohortDescription& layout = cohort.layout();
  const auto by_frames = [](const io::CohortScan& a, const io::CohortScan& b) { return a.frames < b.frames; };
  const auto [shortest, longest] = std::minmax_element(layout.scans.begin(), layout.scans.end(), by_frames);
  std::set<double> repetition_times;
  std::vector<double> times;
  for (const io::CohortScan& scan : layout.scans) {
    times.push_back(scan.repetition_time);
    if (!std::isnan(scan.repetition_time)) repetition_times.insert(scan.repetition_time);
  }
  if (const std::string differ = io::differing_repetition_times(times); !differ.empty()) log::warn("{}", differ);
  std::uint64_t bytes = 0;
  std::set<std::size_t> voxels;
  Json files = Json::array();
  for (const io::CohortFile& file : cohort.files()) {
    bytes += file.bytes;
    voxels.insert(file.scatter.voxels());
    files.push_back(file.path.filename().string());
  }
  Json out{{"kind", "cohort"},
           {"path", path.string()},
           {"files", std::move(files)},
           {"bytes", bytes},
           {"scans", layout.scans.size()},
           {"frames", layout.total_frames()},
           {"frames_of_a_scan", {shortest->frames, longest->frames}},
           {"repetition_times", repetition_times},
           {"unknown_repetition_times", std::ranges::count_if(times, [](double x) { return std::isnan(x); })},
           {"quality", quality_of(layout.scans)},
           {"content", layout.parcels ? "parcels" : "voxels"}};
  if (layout.parcels) {
    out.update(describe_parcels(cohort));
  } else {
    out["grid"] = {layout.grid.x, layout.grid.y, layout.grid.z};
    out["voxels_in_mask"] = voxels.size() == 1 ? Json(*voxels.begin()) : Json{*voxels.begin(), *voxels.rbegin()};
  }
  out.update(Json{{"normalization", layout.normalization},
                  {"layout", layout.layout},
                  {"processing", layout.processing},
                  {"made_by", layout.provenance},
                  {"phenotypes", Json::array()}});
  for (const io::PhenotypeColumn& column : layout.phenotypes) out["phenotypes"].push_back(describe_column(column));
  out.update(summarise_participants(layout.scans));
  if (!layout.parcels) {
    out["fill_value_leaks"] = fill_value_leaks(layout.scans, layout.phenotypes);
    warn_of_leaks(out["fill_value_leaks"]);
  }
  if (verify) {
    const std::vector<io::DamagedScan> damaged = cohort.damaged_scans();
    if (damaged.empty()) out["verified"] = "every frame matches its checksum";
    for (const io::DamagedScan& d : damaged) {
      const io::CohortScan& scan = cohort.scans()[d.scan];
      out["damaged"].push_back({{"participant_id", scan.participant_id},
                                {"run", scan.run},
                                {"source", scan.source},
                                {"frame", d.frame},
                                {"reason", d.reason}});
    }
    if (quarantine) io::write_quarantine(path, cohort.scans(), damaged);
  }
  return out;
}

Json inspect_weights(const fs::path& path, bool verify) {
  const auto file = io::SafetensorsFile::open(path);
  Json tensors = Json::array();
  std::uint64_t elements = 0;
  for (const std::string& name : file.names()) {
    const io::StoredTensor& tensor = file.info(name);
    elements += tensor.elements();
    tensors.push_back({{"tensor", name}, {"type", std::string(io::name_of(tensor.type))}, {"shape", tensor.shape}});
  }
  Json out{{"kind", "weights"},    {"path", path.string()},       {"bytes", fs::file_size(path)},
           {"elements", elements}, {"metadata", file.metadata()}, {"tensors", std::move(tensors)}};
  if (verify) {
    run::check_finite(file);
    out["verified"] = "every value is finite";
  }
  return out;
}

// For people: six digits say all that a value of single precision knows.
std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "n/a";
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  std::string text;
  if (value.is_object() && std::ranges::all_of(value, [](const Json& v) { return v.is_number(); })) {
    for (const auto& [name, number] : value.items())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value_text(number));
    return text;
  }
  if (!value.is_array()) return value.dump();
  for (const Json& item : value) text += (text.empty() ? "" : ",") + value_text(item);
  return "[" + text + "]";
}

// Rows as aligned lines; the names of their columns before the first and wherever they change.
std::string table_text(const Json& rows) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> shown;
  for (const Json& row : rows) {
    std::vector<std::string> names, cells;
    for (const auto& [column, cell] : row.items()) {
      names.push_back(column);
      cells.push_back(value_text(cell));
    }
    if (names != shown) lines.push_back(shown = names);
    lines.push_back(std::move(cells));
  }
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c)
      text += fmt::format("  {:<{}}", line[c], c + 1 < line.size() ? widths[c] : 0);
    text += "\n";
  }
  return text;
}

// Weights keep JSON in texts of their metadata: one line for each entry of it.
std::string metadata_text(const Json& metadata) {
  std::string text;
  for (const auto& [name, value] : metadata.items()) {
    const Json inside = value.is_string() ? Json::parse(value.get<std::string>(), nullptr, false) : value;
    if (!inside.is_object()) {
      text += fmt::format("  {}: {}\n", name, value_text(value));
      continue;
    }
    for (const auto& [key, item] : inside.items()) text += fmt::format("  {}.{}: {}\n", name, key, value_text(item));
  }
  return text;
}

Json inspect_connectivity(const fs::path& path, bool verify) {
  const connectivity::FcFile file(path);
  Json out{{"kind", "connectivity"},
           {"path", path.string()},
           {"bytes", fs::file_size(path)},
           {"rows", file.participants().size()},
           {"edges", file.edges()},
           {"parcels", file.parcels().size()},
           {"values", file.description().values},
           {"rows_of_runs", file.runs().size()}};
  for (const auto& [name, value] : file.metadata().items()) out[name == "kind" ? "estimator" : name] = value;
  if (verify) {
    std::vector<float> row(file.edges());
    for (std::size_t i = 0; i < file.participants().size(); ++i) file.read_rows(i, 1, row);
    for (std::size_t i = 0; i < file.runs().size(); ++i) file.read_runs(i, 1, row);
    out["verified"] = "every row matches its checksum";
  }
  return out;
}

}  // namespace

Json inspect_path(const fs::path& path, bool verify, bool quarantine) {
  const io::FoundKind found = io::kind_of(path);
  switch (found.kind) {
    case io::FileKind::kRun:
      return inspect_run(path, verify);
    case io::FileKind::kHdf5:
      if (connectivity::is_fc_file(path)) return inspect_connectivity(path, verify);
      return is_embedding_file(path) ? inspect_embeddings(path, verify) : inspect_cohort(path, verify, quarantine);
    case io::FileKind::kMissing:
      throw DataError(fmt::format("{}: {}", path.string(), found.text));
    case io::FileKind::kOther:
      throw DataError(fmt::format("'{}': {}; inspect reads cohorts, connectivity, embeddings, weights, run directories",
                                  path.string(), found.text));
    case io::FileKind::kWeights:
    case io::FileKind::kUnknown:  // its reader says what is wrong
      break;
  }
  return inspect_weights(path, verify);
}

std::string to_lines(const Json& description) {
  std::string out;
  for (const auto& [name, value] : description.items()) {
    const bool is_table = value.is_array() && !value.empty() && value.front().is_object();
    const bool is_metadata = name == "metadata" && value.is_object();
    out += fmt::format("{:<18} {}\n", name, is_table || is_metadata ? "" : value_text(value));
    if (is_table) out += table_text(value);
    if (is_metadata) out += metadata_text(value);
  }
  return out;
}

}  // namespace brainmt::analysis
