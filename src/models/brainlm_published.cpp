#include "models/brainlm_published.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace brainmt::models {
namespace {

using Json = nlohmann::json;

// The published configuration, with errors that name file and key.
class Config {
 public:
  Config(const Json& json, std::string file) : json_(json), file_(std::move(file)) {
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
  [[noreturn]] void refuse(const std::string& why) const { throw DataError(fmt::format("{}: {}", file_, why)); }

 private:
  template <class T>
  T read(const std::string& key) const {
    try {
      return json_[key].get<T>();
    } catch (const Json::exception&) {
      refuse(fmt::format("{}: cannot be read: {}", key, json_[key].dump()));
    }
  }

  const Json& json_;
  std::string file_;
};

enum class Variant { kParcels, kImages };

Variant variant_of(const Config& config, const PublishedBrainLm& files) {
  const auto type = config.get<std::string>("model_type");
  if (type != "brainlm_mae" && type != "vit_mae")
    config.refuse(fmt::format("model_type: expected brainlm_mae or vit_mae, found '{}'", type));
  const bool parcels = files.contains("vit.embeddings.signal_embedding_projection.weight");
  const bool images = files.contains("vit.embeddings.patch_embeddings.projection.weight");
  if (parcels == images)
    throw DataError(fmt::format("{}: expected the tensors of one variant of BrainLM, found those of {}",
                                files.weights_file, parcels ? "both" : "none"));
  if (parcels != (type == "brainlm_mae"))
    config.refuse(
        fmt::format("model_type is '{}', but {} holds the tensors of the variant on {}: one of the two files is "
                    "of another model",
                    type, files.weights_file, parcels ? "parcel tokens" : "images"));
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

Json image_description(const Config& c, std::int64_t parcels) {
  if (const auto channels = c.get<std::int64_t>("num_channels", 3); channels != 3)
    c.refuse(fmt::format("num_channels: expected 3, found {}", channels));
  Json json{{"family", "brainlm_vitmae"},
            {"parcels", parcels},
            {"frames", c.get<std::int64_t>("num_timepoints_per_voxel", 200)},
            {"image_size", c.edge("image_size")},
            {"patch_size", c.edge("patch_size")},
            {"width", both(c, "hidden_size", "decoder_hidden_size")},
            {"qkv_bias", c.get<bool>("qkv_bias", true)},
            {"norm_pixels", c.get<bool>("norm_pix_loss", false)}};
  add_sizes(json, c);
  return json;
}

}  // namespace

nlohmann::json describe_published_brainlm(const Json& json, const PublishedBrainLm& files) {
  const Config config(json, files.config_file);
  const Variant variant = variant_of(config, files);
  check_common(config);
  Json described = variant == Variant::kParcels ? parcel_description(config) : image_description(config, files.parcels);
  if (described["parcels"] != files.parcels)
    config.refuse(fmt::format("num_brain_voxels is {}, found coordinates of {} parcels",
                              described["parcels"].get<std::int64_t>(), files.parcels));
  return described;
}

// The image variant has a tensor of that name too, and uses it.
bool is_unused_tensor(const Json& description, const std::string& name) {
  return description.contains("unused_rows") && name.starts_with("decoder.decoder_pred.");
}

}  // namespace brainmt::models
