#include "run/published.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "io/cohort.hpp"
#include "io/file_kind.hpp"
#include "io/table.hpp"
#include "run/weights.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kUnused = "decoder.decoder_pred.";
constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

// The published configuration, with errors that name file and key.
class Config {
 public:
  explicit Config(const fs::path& path) : path_(path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error) refuse("expected the published configuration, found no such file");
    if (size > kMaxConfigBytes) refuse(fmt::format("expected at most 1 MiB, found {} bytes", size));
    std::ifstream in(path, std::ios::binary);
    json_ = Json::parse(in, nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object()) refuse("expected a JSON object");
  }
  template <class T>
  T get(const std::string& key) const {
    if (!json_.contains(key)) refuse(fmt::format("expected '{}', found none", key));
    return read<T>(key);
  }
  template <class T>
  T get(const std::string& key, T fallback) const {
    return json_.contains(key) && !json_[key].is_null() ? read<T>(key) : fallback;
  }
  /// A number, or a pair of equal ones.
  std::int64_t edge(const std::string& key) const {
    if (!json_.contains(key)) refuse(fmt::format("expected '{}', found none", key));
    if (!json_[key].is_array()) return read<std::int64_t>(key);
    const auto pair = read<std::vector<std::int64_t>>(key);
    if (pair.empty() || std::ranges::count(pair, pair.front()) != std::ssize(pair))
      refuse(fmt::format("{}: expected a square, found [{}]", key, fmt::join(pair, ", ")));
    return pair.front();
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw DataError(fmt::format("{}: {}", path_.string(), why));
  }

 private:
  template <class T>
  T read(const std::string& key) const {
    try {
      return json_[key].get<T>();
    } catch (const Json::exception&) {
      refuse(fmt::format("{}: cannot be read: {}", key, json_[key].dump()));
    }
  }

  fs::path path_;
  Json json_;
};

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

enum class Variant { kParcels, kImages };

Variant variant_of(const Config& config, const io::SafetensorsFile& file) {
  const auto type = config.get<std::string>("model_type");
  if (type != "brainlm_mae" && type != "vit_mae")
    config.refuse(fmt::format("model_type: expected brainlm_mae or vit_mae, found '{}'", type));
  const bool parcels = file.contains("vit.embeddings.signal_embedding_projection.weight");
  const bool images = file.contains("vit.embeddings.patch_embeddings.projection.weight");
  if (parcels == images)
    throw DataError(fmt::format("{}: expected the tensors of one variant of BrainLM, found those of {}",
                                file.path().string(), parcels ? "both" : "none"));
  if (parcels != (type == "brainlm_mae"))
    config.refuse(
        fmt::format("model_type is '{}', but {} holds the tensors of the variant on {}: one of the two files is "
                    "of another model",
                    type, file.path().string(), parcels ? "parcel tokens" : "images"));
  return parcels ? Variant::kParcels : Variant::kImages;
}

void check_common(const Config& c) {
  if (const auto act = c.get<std::string>("hidden_act", "gelu"); act != "gelu")
    c.refuse(fmt::format("hidden_act: expected gelu, found '{}'", act));
}

std::array<std::int64_t, 2> both(const Config& c, const std::string& encoder, const std::string& decoder) {
  return {c.get<std::int64_t>(encoder), c.get<std::int64_t>(decoder)};
}

void add_sizes(Json& json, const Config& c) {
  json["depth"] = both(c, "num_hidden_layers", "decoder_num_hidden_layers");
  json["num_heads"] = both(c, "num_attention_heads", "decoder_num_attention_heads");
  json["ffn"] = both(c, "intermediate_size", "decoder_intermediate_size");
  json["norm_eps"] = c.get<double>("layer_norm_eps", 1e-12);
  json["mask_ratio"] = c.get<double>("mask_ratio");
}

Json parcel_description(const Config& c) {
  const auto width = both(c, "hidden_size", "decoder_hidden_size");
  if (width[0] != width[1])
    c.refuse(fmt::format("hidden_size {} and decoder_hidden_size {}: expected the same, as the published code needs",
                         width[0], width[1]));
  if (c.get<bool>("inv_coeff_init_option", false)) c.refuse("inv_coeff_init_option: expected false");
  const auto loss = c.get<std::string>("loss_fn", "mse");
  if (loss != "mse" && loss != "mae") c.refuse(fmt::format("loss_fn: expected mse or mae, found '{}'", loss));
  const auto patch = c.edge("patch_size");
  Json json{{"family", "brainlm"},
            {"parcels", c.get<std::int64_t>("num_brain_voxels")},
            {"frames", c.get<std::int64_t>("num_timepoints_per_voxel")},
            {"patch_frames", c.get<std::int64_t>("timepoint_patching_size")},
            {"embed_dim", width[0]},
            {"filter_taps", c.get<std::int64_t>("conv_kernel_size")},
            {"landmarks", c.get<std::int64_t>("num_landmarks")},
            {"landmark_tokens", c.get<std::int64_t>("segment_means_seq_len")},
            {"hidden_dropout", c.get<double>("hidden_dropout_prob", 0.0)},
            {"loss", loss},
            {"tanh_decoder", c.get<bool>("use_tanh_decoder", false)},
            {"unused_rows", patch * patch * c.get<std::int64_t>("num_channels")}};
  add_sizes(json, c);
  return json;
}

Json image_description(const Config& c, const models::DataSpec& data) {
  if (const auto channels = c.get<std::int64_t>("num_channels", 3); channels != 3)
    c.refuse(fmt::format("num_channels: expected 3, found {}", channels));
  Json json{{"family", "brainlm_vitmae"},
            {"parcels", std::ssize(data.xyz)},
            {"frames", c.get<std::int64_t>("num_timepoints_per_voxel", 200)},
            {"image_size", c.edge("image_size")},
            {"patch_size", c.edge("patch_size")},
            {"width", both(c, "hidden_size", "decoder_hidden_size")},
            {"qkv_bias", c.get<bool>("qkv_bias", true)},
            {"norm_pixels", c.get<bool>("norm_pix_loss", false)}};
  add_sizes(json, c);
  return json;
}

// Names that are missing or not expected, but for those that the published files vary in.
void check_names(const io::SafetensorsFile& file, models::Model& model) {
  std::set<std::string> fixed;
  for (const models::FixedTable& table : model.fixed_tables()) fixed.insert(table.name);
  std::vector<std::string> missing, extra;
  for (const nn::Parameter& p : model.parameters().all())
    if (!file.contains(p.name) && !p.name.starts_with(kUnused)) missing.push_back(p.name);
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
  const Config config(folder / "config.json");
  io::SafetensorsFile file = weights_in(folder);
  const Variant variant = variant_of(config, file);
  check_common(config);
  Json json = variant == Variant::kParcels ? parcel_description(config) : image_description(config, data);
  if (data.xyz.empty())
    throw UsageError(
        "weights import of a folder: expected xyz=FILE, the coordinates of the parcels (a table with columns "
        "x, y, z in mm, or a cohort of parcels)");
  if (json["parcels"] != std::ssize(data.xyz))
    config.refuse(fmt::format("num_brain_voxels is {}, xyz= has {} parcels", json["parcels"].get<std::int64_t>(),
                              data.xyz.size()));
  json["xyz"] = data.xyz;
  json["normalization"] = to_json(data.normalization);
  constexpr const char* kHead = "mlp_pred_head.lin3.weight";
  json["outputs"] = file.contains(kHead) ? file.info(kHead).shape.at(0) : 0;
  auto model =
      models::make_model(models::read_description(json.dump(), (folder / "config.json").string()), DType::kF32);
  check_names(file, *model);
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
