#include "connectivity/fc_metadata.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace brainmt::connectivity {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The parcels' table with components instead of parcels.
io::ParcelTable components_of(const io::ParcelTable& parcels, std::size_t components) {
  io::ParcelTable table = parcels;
  table.index.clear(), table.name.clear();
  for (std::size_t k = 0; k < components; ++k) {
    table.index.push_back(static_cast<std::int32_t>(k + 1));
    table.name.push_back(fmt::format("component-{}", k + 1));
  }
  table.network.assign(components, "");
  table.hemisphere.assign(components, "");
  table.centroid.assign(components, {kNan, kNan, kNan});
  return table;
}

std::string values_of(Kind kind) {
  if (kind == Kind::kPartial) return "partial";
  return kind == Kind::kTangent ? "tangent" : "fisher";
}

// [components, parcels of the cohort]: 0 for parcels that no scan covers.
FcFitted subspace_of(const Fit& fit, std::size_t parcels) {
  FcFitted array{"subspace", {fit.subspace.rows, parcels}, std::vector<double>(fit.subspace.rows * parcels)};
  for (std::size_t k = 0; k < fit.subspace.rows; ++k) {
    for (std::size_t i = 0; i < fit.active.size(); ++i) array.values[k * parcels + fit.active[i]] = fit.subspace(k, i);
  }
  return array;
}

// [nodes, nodes]: NaN for parcels that no scan covers.
FcFitted reference_of(const Fit& fit, std::size_t nodes) {
  FcFitted array{"reference", {nodes, nodes}, std::vector<double>(nodes * nodes, kNan)};
  const linalg::Matrix& reference = fit.tangent->reference();
  const bool projected = fit.subspace.rows > 0;
  for (std::size_t i = 0; i < reference.rows; ++i) {
    for (std::size_t j = 0; j < reference.rows; ++j)
      array.values[(projected ? i : fit.active[i]) * nodes + (projected ? j : fit.active[j])] = reference(i, j);
  }
  return array;
}

Json processing_of(const io::Cohort& cohort) {
  Json processing = Json::parse(cohort.layout().processing, nullptr, /*allow_exceptions=*/false);
  return processing.is_discarded() ? Json(cohort.layout().processing) : processing;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kPearson:
      return "pearson";
    case Kind::kShrunk:
      return "shrunk";
    case Kind::kPartial:
      return "partial";
    case Kind::kTangent:
      return "tangent";
  }
  return "?";
}

FcDescription describe_fc(const FcSettings& settings, const io::Cohort& cohort, const Fit& fit, const FitReport& report,
                          std::span<const std::string> absent) {
  const io::ParcelTable& parcels = *cohort.parcels();
  FcDescription d{.values = values_of(settings.kind),
                  .parcels = settings.components > 0 ? components_of(parcels, settings.components) : parcels};
  const bool covariance = settings.kind != Kind::kPearson;
  std::string fitted = "none";
  if (settings.components > 0) d.fitted.push_back(subspace_of(fit, parcels.size())), fitted = "subspace";
  if (settings.kind == Kind::kTangent)
    d.fitted.push_back(reference_of(fit, d.parcels.size())),
        fitted = settings.components > 0 ? "subspace,reference" : "reference";
  d.metadata = {
      {"kind", name_of(settings.kind)},
      {"definition", settings.kind == Kind::kPartial ? "partial correlation r"
                     : settings.kind == Kind::kTangent
                         ? "log(G^-1/2 C G^-1/2): sqrt(2) x upper triangle, then the diagonal"
                         : "Fisher z, atanh of r clipped at 1 - 1e-6"},
      {"vector_order", "upper triangle row by row: (0,1), (0,2), ..., (1,2), ..."},
      {"scale", !covariance                     ? "none"
                : settings.scale == Scale::kRaw ? "raw"
                                                : "zscore"},
      {"shrinkage", !covariance          ? Json("none")
                    : settings.shrinkage ? Json(*settings.shrinkage)
                                         : Json("ledoit_wolf")},
      {"frames", settings.frames.window == 0 ? Json("all") : Json(settings.frames.window)},
      {"weights", "frames - 3"},
      {"global_signal", settings.global == GlobalSignal::kRegress ? "regress" : "keep"},
      {"subspace", settings.components > 0 ? "coskewness" : "none"},
      {"components", static_cast<std::uint64_t>(settings.components)},
      {"rows", settings.rows_of_runs ? "run" : "participant"},
      {"fitted", fitted},
      {"fitted_on", settings.fits() ? "train" : "none"},
      {"split_sha256", settings.fits() ? settings.training->split_sha256 : "none"},
      {"fitted_participants", static_cast<std::uint64_t>(report.used)},
      {"fitted_left_out", static_cast<std::uint64_t>(report.incomplete)},
  };
  if (!report.metadata.is_null()) d.metadata.update(report.metadata);
  d.metadata.update(Json{{"atlas", parcels.atlas},
                         {"atlas_sha256", parcels.atlas_sha256},
                         {"table_sha256", parcels.table_sha256},
                         {"space", parcels.space},
                         {"min_coverage", parcels.min_coverage},
                         {"parcels_missing", absent},
                         {"normalization", cohort.layout().normalization},
                         {"processing", processing_of(cohort)},
                         {"cohort_file", cohort.path().filename().string()},
                         {"cohort_fingerprint", settings.cohort_fingerprint},
                         {"harmonization_id", "none_baseline"},
                         {"covariates", "none"},
                         {"program", settings.program}});
  return d;
}

void set_shard(FcDescription& description, const FcShard& shard, std::size_t first) {
  description.metadata["shard"] = fmt::format("{}/{}", shard.index, shard.count);
  description.metadata["first_row"] = static_cast<std::uint64_t>(first);
}

void clear_shard(FcDescription& description) {
  description.metadata.erase("shard");
  description.metadata.erase("first_row");
}

void describe_rows(FcDescription& description) {
  std::uint64_t runs = 0, known = 0;
  double motion = 0;
  for (const FcRow& row : description.participants) {
    runs += row.runs;
    if (std::isnan(row.mean_fd)) continue;
    ++known;
    motion += row.mean_fd;
  }
  description.metadata["participants"] = static_cast<std::uint64_t>(description.participants.size());
  description.metadata["runs"] = runs;
  description.metadata["mean_fd_known"] = known;
  if (known > 0) description.metadata["mean_fd_mean"] = motion / static_cast<double>(known);
}

std::string names_of(const io::ParcelTable& parcels, std::span<const std::size_t> which) {
  constexpr std::size_t kMax = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(which.size(), kMax); ++i) {
    const std::string& name = parcels.name[which[i]];
    text += fmt::format("{}{}{}{}", i == 0 ? "" : ", ", parcels.index[which[i]], name.empty() ? "" : " ", name);
  }
  return which.size() > kMax ? fmt::format("{}, and {} more", text, which.size() - kMax) : text;
}

}  // namespace brainmt::connectivity
