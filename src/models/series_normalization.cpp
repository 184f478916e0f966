#include "models/series_normalization.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace brainmt::models {
namespace {

using Kind = SeriesNormalization::Kind;
constexpr std::array kKinds{Kind::kRobust, Kind::kGlobalStd, Kind::kRobustScan};

}  // namespace

std::string_view name_of(Kind kind) {
  return kind == Kind::kRobust ? "robust" : kind == Kind::kGlobalStd ? "global_std" : "robust_scan";
}

Kind normalization_named(const std::string& name) {
  for (const Kind kind : kKinds)
    if (name_of(kind) == name) return kind;
  throw UsageError(fmt::format("data.normalize={}: expected robust, global_std or robust_scan", name));
}

nlohmann::json to_json(const SharedNormalization& normalization) {
  if (normalization == nullptr) return nullptr;
  nlohmann::json json{{"kind", name_of(normalization->kind)}};
  if (normalization->kind == Kind::kGlobalStd) json["std"] = normalization->std;
  if (normalization->kind != Kind::kRobust) return json;
  json["median"] = normalization->median;
  json["iqr"] = normalization->iqr;
  return json;
}

SharedNormalization normalization_from_json(const nlohmann::json& json) {
  if (json.is_null()) return nullptr;
  SeriesNormalization n{.kind = normalization_named(json.at("kind").get<std::string>())};
  if (n.kind == Kind::kGlobalStd) json.at("std").get_to(n.std);
  if (n.kind == Kind::kRobust) {
    json.at("median").get_to(n.median);
    json.at("iqr").get_to(n.iqr);
  }
  return std::make_shared<const SeriesNormalization>(std::move(n));
}

}  // namespace brainmt::models
