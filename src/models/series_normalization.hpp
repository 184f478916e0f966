#pragma once
// How series of parcels are brought to scale before a model sees them. Fitted on training scans; part of the model's
// description, so that weights carry it.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::models {

/// From each value, its parcel's mean over the whole scan is taken; then
///   kRobust       (x - median) / IQR, of each parcel in the training scans
///   kGlobalStd    x / std, one number for all parcels of the training scans
///   kRobustScan   (x - median) / IQR of the parcel in the scan itself
/// A parcel without spread, or not covered, is 0.
struct SeriesNormalization {
  enum class Kind { kRobust, kGlobalStd, kRobustScan };
  Kind kind = Kind::kRobustScan;
  std::vector<double> median{}, iqr{};  // [P], of kRobust
  double std = 1.0;                     // of kGlobalStd
};
using SharedNormalization = std::shared_ptr<const SeriesNormalization>;

/// "robust", "global_std", "robust_scan".
std::string_view name_of(SeriesNormalization::Kind kind);
/// Throws UsageError for another name.
SeriesNormalization::Kind normalization_named(const std::string& name);

/// {kind, median, iqr} or {kind, std}; null for none.
nlohmann::json to_json(const SharedNormalization& normalization);
/// Throws nlohmann::json::exception or UsageError.
SharedNormalization normalization_from_json(const nlohmann::json& json);

}  // namespace brainmt::models
