// Keys, sizes, description and cost of BrainLM on images.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "models/brainlm_vitmae.hpp"

namespace brainmt::models {
namespace {

void refuse(const std::string& why) { throw UsageError("model.family=brainlm_vitmae: " + why); }

std::string_view name_of(Hide hide) {
  return hide == Hide::kNoise ? "noise" : hide == Hide::kLast ? "last" : "last_pixel";
}

Hide hide_named(const std::string& name) {
  return name == "noise" ? Hide::kNoise : name == "last" ? Hide::kLast : Hide::kLastPixel;
}

double layer_flops(const BrainLmVitMaeConfig& c, double rows, std::size_t side) {
  const auto d = static_cast<double>(c.width[side]), f = static_cast<double>(c.ffn[side]);
  return 2 * rows * (4 * d * d + 2 * d * f) + 4 * rows * rows * d;
}

std::array<std::int64_t, 2> pair_of(const config::Config& keys, std::string_view name) {
  const auto list = keys.get<std::vector<std::int64_t>>(name);
  return {list.at(0), list.at(1)};
}
std::array<int, 2> small_pair_of(const config::Config& keys, std::string_view name) {
  const auto pair = pair_of(keys, name);
  return {static_cast<int>(pair[0]), static_cast<int>(pair[1])};
}

}  // namespace

BrainLmVitMaeConfig checked(const BrainLmVitMaeConfig& c) {
  if (c.xyz.empty())
    refuse("expected parcels with coordinates, found none: parcellate the cohort with an atlas that has them");
  for (std::size_t v = 0; v < c.xyz.size(); ++v)
    if (!std::isfinite(c.xyz[v][1])) refuse(fmt::format("parcel {} has no Y coordinate: its row is not known", v));
  if (c.patch_size < 1 || c.image_size % c.patch_size != 0)
    refuse(fmt::format("model.image_size={}: expected a multiple of model.patch_size={}", c.image_size, c.patch_size));
  for (const std::int64_t extent : {c.parcels(), c.frames})
    if (c.image_size - extent < 2 || (c.image_size - extent) % 2 != 0)
      refuse(
          fmt::format("model.image_size={}: expected an even number of pixels beside {} parcels and {} frames, at "
                      "least 2 along each edge",
                      c.image_size, c.parcels(), c.frames));
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    if (c.width[side] < 4 || c.width[side] % 4 != 0)
      refuse(fmt::format("model.width: expected multiples of 4, found {}", c.width[side]));
    if (c.num_heads[side] < 1 || c.width[side] % c.num_heads[side] != 0)
      refuse(fmt::format("model.num_heads: expected numbers that divide model.width={}, found {}", c.width[side],
                         c.num_heads[side]));
  }
  if (kept_tokens(c.tokens(), c.mask_ratio) < 1)
    refuse(fmt::format("model.mask_ratio={}: hides all of {} patches", c.mask_ratio, c.tokens()));
  return c;
}

config::ModelKeys brainlm_vitmae_keys() {
  using namespace config;
  return {
      .family = "brainlm_vitmae",
      .keys = {
          integer("model.num_frames", 200, "frames T of a window").at_least(2),
          integer("model.image_size", 432, "edge of the canvas in pixels: a multiple of model.patch_size").at_least(3),
          integer("model.patch_size", 16, "edge of a patch in pixels").at_least(1),
          integers("model.width", {768, 512}, "width of encoder and decoder: multiples of 4").of_length(2).at_least(4),
          integers("model.depth", {12, 8}, "layers of encoder and decoder").of_length(2).at_least(0).at_most(1000),
          integers("model.num_heads", {12, 16}, "attention heads of encoder and decoder").of_length(2).at_least(1),
          integers("model.ffn", {3072, 2048}, "inner width of the MLPs of encoder and decoder")
              .of_length(2)
              .at_least(1),
          real("model.norm_eps", 1e-12, "added to the variance in LayerNorm").at_least(0),
          boolean("model.qkv_bias", true, "biases of the projections to queries, keys and values"),
          boolean("model.norm_pixels", false, "z-score the target per parcel over the window (norm_pix_loss)"),
          real("model.mask_ratio", 0.75, "part of the patches that reconstruction hides").at_least(0).at_most(0.999),
          choice("model.hide", "noise", {"noise", "last", "last_pixel"},
                 "what reconstruction hides: random patches, or the last frames in whole patches or exactly"),
          real("model.scale", 5.6430855, "the series are divided by it").above(0),
          choice("model.recompute", "none", {"none", "block"},
                 "block: keep only the inputs of layers and compute them again in the backward pass")
              .free_to_change()}};
}

std::unique_ptr<Model> make_brainlm_vitmae(const config::Config& keys, const DataSpec& data, DType activation,
                                           Model::Memory memory) {
  BrainLmVitMaeConfig c;
  c.xyz = data.xyz;
  c.normalization = data.normalization;
  c.outputs = data.outputs;
  c.frames = keys.get<std::int64_t>("model.num_frames");
  c.image_size = keys.get<std::int64_t>("model.image_size");
  c.patch_size = keys.get<std::int64_t>("model.patch_size");
  c.width = pair_of(keys, "model.width");
  c.depth = small_pair_of(keys, "model.depth");
  c.num_heads = small_pair_of(keys, "model.num_heads");
  c.ffn = pair_of(keys, "model.ffn");
  c.norm_eps = keys.get<double>("model.norm_eps");
  c.qkv_bias = keys.get<bool>("model.qkv_bias");
  c.norm_pixels = keys.get<bool>("model.norm_pixels");
  c.mask_ratio = keys.get<double>("model.mask_ratio");
  c.hide = hide_named(keys.get<std::string>("model.hide"));
  c.scale = keys.get<double>("model.scale");
  c.recompute = keys.get<std::string>("model.recompute") == "block";
  return std::make_unique<BrainLmVitMae>(c, activation, memory);
}

std::string brainlm_vitmae_hint(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                                const std::vector<std::string>&) {
  const auto any_contains = [](const std::vector<std::string>& names, std::string_view part) {
    return std::ranges::any_of(names, [&](const std::string& name) { return name.find(part) != std::string::npos; });
  };
  if (any_contains(missing, "layernorm_before") && any_contains(extra, "attention.self."))
    return "the file is of the variant on parcel tokens: use model.family=brainlm";
  return "";
}

InputSpec BrainLmVitMae::input() const {
  return {InputKind::kParcels, {config_.parcels(), config_.frames}, config_.frames, config_.normalization};
}

nlohmann::json BrainLmVitMae::describe() const {
  const BrainLmVitMaeConfig& c = config_;
  return {{"family", "brainlm_vitmae"},
          {"parcels", c.parcels()},
          {"xyz", c.xyz},
          {"normalization", to_json(c.normalization)},
          {"outputs", c.outputs},
          {"frames", c.frames},
          {"image_size", c.image_size},
          {"patch_size", c.patch_size},
          {"width", c.width},
          {"depth", c.depth},
          {"num_heads", c.num_heads},
          {"ffn", c.ffn},
          {"norm_eps", c.norm_eps},
          {"qkv_bias", c.qkv_bias},
          {"norm_pixels", c.norm_pixels},
          {"mask_ratio", c.mask_ratio},
          {"hide", name_of(c.hide)},
          {"scale", c.scale}};
}

std::string BrainLmVitMae::id() const {
  const BrainLmVitMaeConfig& c = config_;
  return fmt::format("brainlm-vitmae-v{}-c{}-{}-l{}-{}-i{}-p{}-t{}", c.parcels(), c.width[0], c.width[1], c.depth[0],
                     c.depth[1], c.image_size, c.patch_size, c.frames);
}

nlohmann::ordered_json BrainLmVitMae::embedding_facts() const {
  return {{"layer", "after the last LayerNorm of the encoder, nothing hidden, patches in natural order"},
          {"mean", "over patches that hold data"}};
}

std::vector<std::pair<std::string, std::string>> BrainLmVitMae::facts() const {
  const BrainLmVitMaeConfig& c = config_;
  return {{"variant", "image"},
          {"tokens", fmt::format("{} per sample ({} of them hold data), {} of them kept in pretraining", c.tokens(),
                                 data_tokens().size(), kept())}};
}

TransferRules BrainLmVitMae::transfer_rules() const {
  std::vector<std::string> head;
  for (const char* layer : {"lin1", "lin2", "lin3"})
    for (const char* part : {"weight", "bias"}) head.push_back(fmt::format("mlp_pred_head.{}.{}", layer, part));
  return {.head = head, .free_keys = {"model.mask_ratio", "model.norm_pixels", "model.hide"}};
}

std::vector<FixedTable> BrainLmVitMae::fixed_tables() const {
  const BrainLmVitMaeConfig& c = config_;
  return {{"vit.embeddings.position_embeddings", {1, 1 + c.tokens(), c.width[0]}, position_table(c.side(), c.width[0])},
          {"decoder.decoder_pos_embed", {1, 1 + c.tokens(), c.width[1]}, position_table(c.side(), c.width[1])}};
}

// Multiply-adds are two operations; a backward pass costs twice the forward one.
Cost BrainLmVitMae::cost(std::int64_t batch) const {
  const BrainLmVitMaeConfig& c = config_;
  const double all = 1 + static_cast<double>(c.tokens()), kept_rows = 1 + static_cast<double>(kept());
  const auto d = static_cast<double>(c.width[0]), e = static_cast<double>(c.width[1]);
  const auto samples = static_cast<double>(batch), pixels = 3 * static_cast<double>(c.patch_size * c.patch_size);
  const double forward = c.depth[0] * layer_flops(c, kept_rows, 0) + c.depth[1] * layer_flops(c, all, 1) +
                         2 * all * pixels * (d + e) + 2 * kept_rows * d * e;
  const auto values = [&](double rows, std::size_t side) {
    const auto width = static_cast<double>(c.width[side]);
    return c.depth[side] * rows * (c.recompute ? width : 10 * width + 2 * static_cast<double>(c.ffn[side]));
  };
  return {.forward_flops = samples * forward,
          .training_flops = samples * 3 * forward,
          .activation_bytes = samples * (values(kept_rows, 0) + values(all, 1) + 2 * all * pixels) *
                              static_cast<double>(size_of(store_.activation_dtype()))};
}

std::vector<float> position_table(std::int64_t side, std::int64_t width) {
  const std::int64_t quarter = width / 4;
  std::vector<float> table(static_cast<std::size_t>(width), 0.0f);
  for (std::int64_t n = 0; n < side * side; ++n)
    for (const std::int64_t at : {n % side, n / side})
      for (const bool sine : {true, false})
        for (std::int64_t i = 0; i < quarter; ++i) {
          const double angle =
              static_cast<double>(at) * std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(quarter));
          table.push_back(static_cast<float>(sine ? std::sin(angle) : std::cos(angle)));
        }
  return table;
}

}  // namespace brainmt::models
