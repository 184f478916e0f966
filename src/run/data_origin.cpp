#include "run/data_origin.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.hpp"
#include "io/checksum.hpp"

namespace brainmt::run {
namespace {

using Json = nlohmann::ordered_json;
using Affine = std::array<double, 16>;

constexpr double kAffineTolerance = 1e-3;  // mm, as prepare allows between scans of one cohort
constexpr double kPeriodTolerance = 0.01;

// With minmax and none the fill is 0, whatever the lowest value.
std::string fill_of(const Json& processing, const std::string& normalization) {
  const Json fill = processing.is_object() ? processing.value("fill", Json("lowest")) : Json("lowest");
  if (fill.is_string()) return normalization == "zscore" ? fill.get<std::string>() : "0";
  return fill.is_number() ? fmt::format("{}", fill.get<double>()) : fill.dump();
}

// Without what the grid, the affine and the fill value say already.
std::string other_processing(Json processing) {
  if (!processing.is_object()) return "{}";
  processing.erase("crop");
  processing.erase("fill");
  return processing.dump();
}

// Where each axis of the volume runs to: "LAS" for x towards the left, y to anterior, z to superior.
std::string orientation(const Affine& affine) {
  constexpr std::array<std::array<char, 2>, 3> kEnds{{{'L', 'R'}, {'P', 'A'}, {'I', 'S'}}};
  std::string code;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::size_t world = 0;
    for (std::size_t row = 1; row < 3; ++row)
      if (std::abs(affine[4 * row + axis]) > std::abs(affine[4 * world + axis])) world = row;
    code += kEnds[world][affine[4 * world + axis] > 0 ? 1 : 0];
  }
  return code;
}

std::string grid_text(const Affine& affine) {
  std::array<double, 3> size{};
  for (std::size_t axis = 0; axis < 3; ++axis)
    size[axis] = std::hypot(affine[axis], affine[4 + axis], affine[8 + axis]);
  return fmt::format("first voxel at ({:.6g}, {:.6g}, {:.6g}) mm, voxels of {:.6g} x {:.6g} x {:.6g} mm", affine[3],
                     affine[7], affine[11], size[0], size[1], size[2]);
}

std::string affine_difference(const Affine& trained, const Affine& here) {
  const std::string before = orientation(trained), now = orientation(here);
  if (before != now) {
    const bool sides = before.find('L') != now.find('L') || before.find('R') != now.find('R');
    return fmt::format("orientation: {} in training, {} here{}", before, now,
                       sides ? " (left and right are exchanged, or axes swapped)" : "");
  }
  const bool close =
      std::ranges::equal(trained, here, [](double a, double b) { return std::abs(a - b) <= kAffineTolerance; });
  if (close) return "";
  const std::string was = grid_text(trained), is = grid_text(here);
  if (was != is) return fmt::format("affine: {} in training; {} here", was, is);
  return fmt::format("affine: the axes of the volumes are turned against those in training ({})", was);
}

Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(text) : json;
}

}  // namespace

std::string cohort_fingerprint(const io::Cohort& cohort) {
  std::string text;
  for (const io::CohortScan& s : cohort.scans())
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", s.participant_id, s.run, s.frames, s.repetition_time,
                        s.statistics.mean, s.statistics.std, s.statistics.fill);
  return io::sha256(std::as_bytes(std::span(text)));
}

DataOrigin origin_of(const io::Cohort& cohort) {
  const io::CohortDescription& layout = cohort.layout();
  const Json processing = Json::parse(layout.processing, nullptr, /*allow_exceptions=*/false);
  DataOrigin origin{.grid = {layout.grid.x, layout.grid.y, layout.grid.z},
                    .affine = layout.affine,
                    .normalization = layout.normalization,
                    .fill = fill_of(processing, layout.normalization),
                    .processing = layout.processing,
                    .layout = layout.layout,
                    .scans = layout.scans.size(),
                    .fingerprint = cohort_fingerprint(cohort)};
  std::vector<double> periods;
  for (const io::CohortScan& scan : layout.scans)
    if (scan.repetition_time > 0) periods.push_back(scan.repetition_time);
  if (periods.empty()) return origin;
  std::ranges::sort(periods);
  origin.tr_min = periods.front();
  origin.tr_median = periods[periods.size() / 2];
  origin.tr_max = periods.back();
  return origin;
}

std::string describe_origin(const DataOrigin& o) {
  Json json{{"grid", o.grid},
            {"affine", o.affine},
            {"orientation", orientation(o.affine)},
            {"normalization", o.normalization},
            {"fill", o.fill},
            {"tr", {{"median", o.tr_median}, {"min", o.tr_min}, {"max", o.tr_max}}},
            {"processing", parsed(o.processing)},
            {"layout", o.layout},
            {"scans", o.scans},
            {"cohort_fingerprint", o.fingerprint}};
  if (!o.mismatches.empty()) json["mismatch"] = o.mismatches;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<DataOrigin> described_origin(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    DataOrigin o;
    json.at("grid").get_to(o.grid);
    json.at("affine").get_to(o.affine);
    json.at("normalization").get_to(o.normalization);
    json.at("fill").get_to(o.fill);
    json.at("tr").at("median").get_to(o.tr_median);
    json.at("tr").at("min").get_to(o.tr_min);
    json.at("tr").at("max").get_to(o.tr_max);
    o.processing = json.at("processing").dump();
    json.at("layout").get_to(o.layout);
    json.at("scans").get_to(o.scans);
    json.at("cohort_fingerprint").get_to(o.fingerprint);
    if (json.contains("mismatch")) json["mismatch"].get_to(o.mismatches);
    return o;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::optional<DataOrigin> origin_of_run(const std::filesystem::path& run_dir) {
  std::ifstream in(run_dir / "provenance.json");
  const Json starts = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!starts.is_array() || starts.empty() || !starts.back().is_object() || !starts.back().contains("data"))
    return std::nullopt;
  return described_origin(starts.back()["data"].dump());
}

void check_cohort_of_run(const std::filesystem::path& run_dir, const io::Cohort& cohort) {
  const std::optional<DataOrigin> recorded = origin_of_run(run_dir);
  if (!recorded || !recorded->mismatches.empty()) return;  // data.allow_mismatch: it went on with another cohort
  const std::string here = cohort_fingerprint(cohort);
  if (here == recorded->fingerprint) return;
  throw DataError(fmt::format(
      "data.cohort={}: holds other scans than the cohort of run.dir={} (cohort_fingerprint {:.12}, there {:.12}): "
      "leave data.cohort= out, or name the cohort that the run was trained on",
      cohort.path().string(), run_dir.string(), here, recorded->fingerprint));
}

OriginDifferences compare(const DataOrigin& trained, const DataOrigin& here) {
  OriginDifferences found;
  const auto differs = [](const char* what, const std::string& was, const std::string& is) {
    return fmt::format("{}: {} in training, {} here", what, was, is);
  };
  if (std::string affine = affine_difference(trained.affine, here.affine); !affine.empty())
    found.decisive.push_back(std::move(affine));
  if (trained.normalization != here.normalization)
    found.decisive.push_back(differs("normalization", trained.normalization, here.normalization));
  if (trained.fill != here.fill) found.decisive.push_back(differs("fill", trained.fill, here.fill));
  const double was = trained.tr_median, is = here.tr_median;
  if (was > 0 && is > 0 && std::abs(is - was) > kPeriodTolerance * was)
    found.repetition_time =
        differs("repetition time", fmt::format("{:.6g} s", was), fmt::format("{:.6g} s (median)", is));
  const std::string before = other_processing(parsed(trained.processing)),
                    now = other_processing(parsed(here.processing));
  if (before != now) found.processing = differs("preprocessing", before, now);
  return found;
}

}  // namespace brainmt::run
