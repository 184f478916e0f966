#include "run/published.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "io/cohort.hpp"
#include "io/file_kind.hpp"
#include "io/table.hpp"
#include "models/brainlm_published.hpp"
#include "run/weights.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

Json config_in(const fs::path& path) {
  const auto refuse = [&](const std::string& found) {
    return DataError(fmt::format("{}: expected the published configuration, found {}", path.string(), found));
  };
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) throw refuse("no such file");
  if (size > kMaxConfigBytes) throw refuse(fmt::format("{} bytes, more than 1 MiB", size));
  std::ifstream in(path, std::ios::binary);
  Json json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw refuse("no JSON");
  return json;
}

io::SafetensorsFile weights_in(const fs::path& folder) {
  const fs::path file = folder / "model.safetensors";
  if (fs::exists(file)) return io::SafetensorsFile::open(file);
  if (fs::exists(folder / "pytorch_model.bin"))
    throw DataError(
        fmt::format("{}: holds pytorch_model.bin, a pickle, which is never read here: convert it first with "
                    "scripts/convert_brainlm.py {}",
                    folder.string(), folder.string()));
  throw DataError(fmt::format("{}: expected model.safetensors beside config.json, found none", folder.string()));
}

// Names that are missing or not expected, but for those that the published files vary in.
void check_names(const io::SafetensorsFile& file, models::Model& model, const Json& described) {
  std::set<std::string> fixed;
  for (const models::FixedTable& table : model.fixed_tables()) fixed.insert(table.name);
  std::vector<std::string> missing, extra;
  for (const nn::Parameter& p : model.parameters().all())
    if (!file.contains(p.name) && !models::is_unused_tensor(described, p.name)) missing.push_back(p.name);
  for (const std::string& name : file.names())
    if (model.parameters().find(name) == nullptr && !fixed.contains(name)) extra.push_back(name);
  if (missing.empty() && extra.empty()) return;
  throw DataError(
      fmt::format("{}: {} tensors missing{}{}, {} not expected{}{}: expected the tensors that config.json "
                  "describes",
                  file.path().string(), missing.size(), missing.empty() ? "" : ": ", fmt::join(missing, ", "),
                  extra.size(), extra.empty() ? "" : ": ", fmt::join(extra, ", ")));
}

}  // namespace

PublishedModel read_published(const fs::path& folder, const models::DataSpec& data) {
  if (data.xyz.empty())
    throw UsageError(
        "weights import of a folder: expected xyz=FILE, the coordinates of the parcels (a table with columns x, y, z in "
        "mm, or a cohort of parcels)");
  const fs::path config = folder / "config.json";
  const Json published = config_in(config);
  io::SafetensorsFile file = weights_in(folder);
  Json json = models::describe_published_brainlm(
      published, {.config_file = config.string(),
                  .weights_file = file.path().string(),
                  .contains = [&](const std::string& name) { return file.contains(name); },
                  .parcels = std::ssize(data.xyz)});
  json["xyz"] = data.xyz;
  json["normalization"] = to_json(data.normalization);
  constexpr const char* kHead = "mlp_pred_head.lin3.weight";
  json["outputs"] = file.contains(kHead) ? file.info(kHead).shape.at(0) : 0;
  auto model = models::make_model(models::read_description(json.dump(), config.string()), DType::kF32);
  check_names(file, *model, json);
  load_weights(file, *model, {.allow_missing = true});
  return {std::move(file), std::move(model)};
}

std::vector<std::array<double, 3>> parcel_coordinates(const fs::path& path) {
  if (io::kind_of(path).kind == io::FileKind::kHdf5) {
    const io::Cohort cohort(path);
    if (cohort.parcels() == nullptr)
      throw DataError(fmt::format("{}: expected a cohort of parcels, found one of voxels", path.string()));
    return cohort.parcels()->centroid;
  }
  const io::Table table = io::Table::read(path);
  const std::array<std::size_t, 3> columns{table.column("x"), table.column("y"), table.column("z")};
  std::vector<std::array<double, 3>> xyz;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::array<double, 3> at{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto number = table.number(row, columns[axis]);
      if (!number)
        throw DataError(fmt::format("{}: expected a coordinate in mm, found none", table.where(row, columns[axis])));
      at[axis] = *number;
    }
    xyz.push_back(at);
  }
  return xyz;
}

}  // namespace brainmt::run
