// Keys, sizes, description and cost of BrainLM on parcel tokens.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "models/brainlm.hpp"
#include "models/masking.hpp"

namespace brainmt::models {
namespace {

void refuse(const std::string& why) { throw UsageError("model.family=brainlm: " + why); }

bool any_contains(const std::vector<std::string>& names, std::string_view part) {
  return std::ranges::any_of(names, [&](const std::string& name) { return name.find(part) != std::string::npos; });
}

// Operations of one layer on `rows` rows: projections and MLP, attention, filter.
double layer_flops(const BrainLmConfig& c, double rows, std::size_t side) {
  const auto d = static_cast<double>(c.embed_dim), f = static_cast<double>(c.ffn[side]);
  return 2 * rows * (4 * d * d + 2 * d * f) + 4 * rows * rows * d + 2 * c.filter_taps * rows * d;
}

std::array<int, 2> two_of(const config::Config& keys, std::string_view name) {
  const auto list = keys.get<std::vector<std::int64_t>>(name);
  return {static_cast<int>(list.at(0)), static_cast<int>(list.at(1))};
}

}  // namespace

BrainLmConfig checked(const BrainLmConfig& c) {
  if (c.xyz.empty())
    refuse("expected parcels with coordinates, found none: parcellate the cohort with an atlas that has them");
  for (std::size_t v = 0; v < c.xyz.size(); ++v)
    for (const double mm : c.xyz[v])
      if (!std::isfinite(mm)) refuse(fmt::format("parcel {} has no coordinates: expected mm for every parcel", v));
  if (c.patch_frames < 1 || c.frames < 1 || c.frames % c.patch_frames != 0)
    refuse(fmt::format("model.num_frames={}: expected a multiple of model.patch_frames={}", c.frames, c.patch_frames));
  if (c.embed_dim < 2 || c.embed_dim % 2 != 0)
    refuse(fmt::format("model.embed_dim={}: expected an even width", c.embed_dim));
  for (const int heads : c.num_heads)
    if (heads < 1 || c.embed_dim % heads != 0)
      refuse(fmt::format("model.num_heads: expected numbers that divide model.embed_dim={}, found {}", c.embed_dim,
                         heads));
  if (c.filter_taps < 1 || c.filter_taps > 127 || c.filter_taps % 2 == 0)
    refuse(fmt::format("model.filter_taps={}: expected an odd number up to 127", c.filter_taps));
  if (c.landmarks != c.landmark_tokens && (c.landmarks < 1 || c.landmark_tokens % c.landmarks != 0))
    refuse(fmt::format("model.landmarks={}: expected a divisor of model.landmark_tokens={}, or the same number",
                       c.landmarks, c.landmark_tokens));
  if (kept_tokens(c.tokens(), c.mask_ratio) < 1)
    refuse(fmt::format("model.mask_ratio={}: hides all of {} tokens", c.mask_ratio, c.tokens()));
  return c;
}

config::ModelKeys brainlm_keys() {
  using namespace config;
  return {
      .family = "brainlm",
      .keys = {
          integer("model.num_frames", 200, "frames T of a window: a multiple of model.patch_frames").at_least(1),
          integer("model.patch_frames", 20, "frames of a token").at_least(1),
          integer("model.embed_dim", 512, "width d of encoder and decoder: even, a multiple of the heads").at_least(2),
          integers("model.depth", {4, 2}, "layers of encoder and decoder").of_length(2).at_least(0).at_most(1000),
          integers("model.num_heads", {4, 4}, "attention heads of encoder and decoder").of_length(2).at_least(1),
          integers("model.ffn", {1024, 1024}, "inner width of the MLPs of encoder and decoder")
              .of_length(2)
              .at_least(1),
          integer("model.filter_taps", 65, "taps of the filter along tokens: odd").at_least(1).at_most(127),
          integer("model.landmarks", 64, "landmarks of attention; as many as model.landmark_tokens: exact").at_least(1),
          integer("model.landmark_tokens", 64, "rows for which attention by landmarks is (segment_means_seq_len)")
              .at_least(1),
          real("model.norm_eps", 1e-12, "added to the variance in LayerNorm").at_least(0),
          real("model.dropout", 0.1, "dropout of tokens, in training only").at_least(0).at_most(0.99),
          real("model.hidden_dropout", 0.0, "dropout of the dense outputs of a layer, in training only")
              .at_least(0)
              .at_most(0.99),
          real("model.mask_ratio", 0.2, "part of the tokens that reconstruction hides").at_least(0).at_most(0.999),
          choice("model.loss", "mse", {"mse", "mae"}, "error of hidden values: mean square or mean absolute"),
          boolean("model.tanh_decoder", false, "tanh of the reconstruction"),
          real("model.xyz_scale", 1.0, "factor of the coordinates in mm (1: as published)").above(0),
          integer("model.unused_rows", 768, "rows of the published tensor decoder_pred, which nothing uses")
              .at_least(1),
          choice("model.recompute", "none", {"none", "block"},
                 "block: keep only the inputs of layers and compute them again in the backward pass")
              .free_to_change()}};
}

std::unique_ptr<Model> make_brainlm(const config::Config& keys, const DataSpec& data, DType activation,
                                    Model::Memory memory) {
  const auto ffn = keys.get<std::vector<std::int64_t>>("model.ffn");
  BrainLmConfig c;
  c.xyz = data.xyz;
  c.normalization = data.normalization;
  c.outputs = data.outputs;
  c.frames = keys.get<std::int64_t>("model.num_frames");
  c.patch_frames = keys.get<std::int64_t>("model.patch_frames");
  c.embed_dim = keys.get<std::int64_t>("model.embed_dim");
  c.depth = two_of(keys, "model.depth");
  c.num_heads = two_of(keys, "model.num_heads");
  c.ffn = {ffn.at(0), ffn.at(1)};
  c.filter_taps = keys.get<int>("model.filter_taps");
  c.landmarks = keys.get<std::int64_t>("model.landmarks");
  c.landmark_tokens = keys.get<std::int64_t>("model.landmark_tokens");
  c.norm_eps = keys.get<double>("model.norm_eps");
  c.dropout = keys.get<double>("model.dropout");
  c.hidden_dropout = keys.get<double>("model.hidden_dropout");
  c.mask_ratio = keys.get<double>("model.mask_ratio");
  c.absolute_loss = keys.get<std::string>("model.loss") == "mae";
  c.tanh_decoder = keys.get<bool>("model.tanh_decoder");
  c.xyz_scale = keys.get<double>("model.xyz_scale");
  c.unused_rows = keys.get<std::int64_t>("model.unused_rows");
  c.recompute = keys.get<std::string>("model.recompute") == "block";
  return std::make_unique<BrainLm>(c, activation, memory);
}

std::string brainlm_hint(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                         const std::vector<std::string>&) {
  if (any_contains(extra, "layernorm_before") && any_contains(missing, "attention.self."))
    return "the file is of the image variant: use model.family=brainlm_vitmae";
  if (std::ranges::all_of(extra, [](const std::string& name) { return name.starts_with("mlp_pred_head."); }) &&
      missing.empty() && !extra.empty())
    return "the file is of a fine-tuned model, with a head";
  return "";
}

InputSpec BrainLm::input() const {
  return {InputKind::kParcels, {config_.parcels(), config_.frames}, config_.frames, config_.normalization};
}

nlohmann::json BrainLm::describe() const {
  const BrainLmConfig& c = config_;
  return {{"family", "brainlm"},
          {"parcels", c.parcels()},
          {"xyz", c.xyz},
          {"normalization", to_json(c.normalization)},
          {"outputs", c.outputs},
          {"frames", c.frames},
          {"patch_frames", c.patch_frames},
          {"embed_dim", c.embed_dim},
          {"depth", c.depth},
          {"num_heads", c.num_heads},
          {"ffn", c.ffn},
          {"filter_taps", c.filter_taps},
          {"landmarks", c.landmarks},
          {"landmark_tokens", c.landmark_tokens},
          {"norm_eps", c.norm_eps},
          {"dropout", c.dropout},
          {"hidden_dropout", c.hidden_dropout},
          {"mask_ratio", c.mask_ratio},
          {"loss", c.absolute_loss ? "mae" : "mse"},
          {"tanh_decoder", c.tanh_decoder},
          {"xyz_scale", c.xyz_scale},
          {"unused_rows", c.unused_rows}};
}

std::string BrainLm::id() const {
  const BrainLmConfig& c = config_;
  return fmt::format("brainlm-v{}-c{}-l{}-{}-t{}-p{}", c.parcels(), c.embed_dim, c.depth[0], c.depth[1], c.frames,
                     c.patch_frames);
}

nlohmann::ordered_json BrainLm::embedding_facts() const {
  return {{"layer", "after the last LayerNorm of the encoder, nothing hidden, tokens in natural order"},
          {"patch_frames", config_.patch_frames}};
}

std::vector<std::pair<std::string, std::string>> BrainLm::facts() const {
  const BrainLmConfig& c = config_;
  return {{"variant", "parcel tokens"},
          {"tokens", fmt::format("{} per sample ({} parcels x {} patches of {} frames), {} of them kept in pretraining",
                                 c.tokens(), c.parcels(), c.frames / c.patch_frames, c.patch_frames, kept())},
          {"coordinates", c.xyz_scale == 1.0 ? "in mm, as published" : fmt::format("in mm x {}", c.xyz_scale)}};
}

TransferRules BrainLm::transfer_rules() const {
  std::vector<std::string> head;
  for (const char* layer : {"lin1", "lin2", "lin3"})
    for (const char* part : {"weight", "bias"}) head.push_back(fmt::format("mlp_pred_head.{}.{}", layer, part));
  return {.head = head, .free_keys = {"model.dropout", "model.hidden_dropout", "model.mask_ratio", "model.loss"}};
}

std::vector<FixedTable> BrainLm::fixed_tables() const {
  constexpr std::int64_t kRows = 5000;
  const std::int64_t width = config_.embed_dim;
  const std::vector<float> table = time_table(kRows, width);
  return {{"vit.embeddings.pos_embedding.pe", {kRows, width}, table},
          {"decoder.pos_embedding.pe", {kRows, width}, table}};
}

// Multiply-adds are two operations; a backward pass costs twice the forward one.
Cost BrainLm::cost(std::int64_t batch) const {
  const BrainLmConfig& c = config_;
  const double all = 1 + static_cast<double>(c.tokens()), kept_rows = 1 + static_cast<double>(kept());
  const auto d = static_cast<double>(c.embed_dim), samples = static_cast<double>(batch);
  const double forward = c.depth[0] * layer_flops(c, kept_rows, 0) + c.depth[1] * layer_flops(c, all, 1) +
                         2 * all * d * static_cast<double>(c.patch_frames) + 2 * kept_rows * d * d +
                         all * d * (d + static_cast<double>(c.patch_frames));
  // Rows that a layer keeps: q, k, v, context twice, two sums, two norms, and the MLP's inner values twice.
  const auto values = [&](double rows, std::size_t side) {
    return c.depth[side] * rows * (c.recompute ? d : 9 * d + 2 * static_cast<double>(c.ffn[side]));
  };
  return {.forward_flops = samples * forward,
          .training_flops = samples * 3 * forward,
          .activation_bytes = samples * (values(kept_rows, 0) + values(all, 1) + 4 * all * d) *
                              static_cast<double>(size_of(store_.activation_dtype()))};
}

std::vector<float> time_table(std::int64_t rows, std::int64_t width) {
  std::vector<float> table;
  for (std::int64_t j = 0; j < rows; ++j)
    for (std::int64_t i = 0; i < width; ++i) {
      const double angle =
          static_cast<double>(j) * std::pow(10000.0, -2.0 * static_cast<double>(i / 2) / static_cast<double>(width));
      table.push_back(static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle)));
    }
  return table;
}

}  // namespace brainmt::models
