// BrainMT's keys, sizes, description and cost.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/config.hpp"
#include "dnn/conv3d.hpp"
#include "models/brainmt.hpp"

namespace brainmt::models {
namespace {

double patch_voxels() { return std::pow(static_cast<double>(kPatchEdge), 3); }

// Every axis is halved, rounded up, by four convolutions of stride 2.
std::int64_t halve_four_times(std::int64_t extent) {
  for (int i = 0; i < 4; ++i) extent = (extent + 1) / 2;
  return extent;
}

void check_divisible_width(const config::Config& config) {
  const auto width = config.get<std::int64_t>("model.embed_dim"), heads = config.get<std::int64_t>("model.num_heads");
  if (width % 8 != 0)
    throw UsageError(fmt::format("model.embed_dim={}: expected a multiple of 8 (the stem has an eighth of it)", width));
  if (width % heads != 0)
    throw UsageError(fmt::format(
        "model.embed_dim={} conflicts with model.num_heads={}: expected a width that the heads divide", width, heads));
}

// Parameters of the second direction of a two-way mixer.
bool is_second_direction(const std::string& name) {
  constexpr std::array<std::string_view, 5> kParts{".conv1d_b.", ".x_proj_b.", ".dt_proj_b.", ".A_b_log", ".D_b"};
  return std::ranges::any_of(kParts, [&](auto part) { return name.find(part) != std::string::npos; });
}

bool only_second_direction(const std::vector<std::string>& names) {
  return !names.empty() && std::ranges::all_of(names, is_second_direction);
}

bool any_begins(const std::vector<std::string>& names, std::string_view prefix) {
  return std::ranges::any_of(names, [&](const std::string& name) { return name.starts_with(prefix); });
}

// Multiply-adds of the stem for one window: first convolution, and the others.
std::array<double, 2> stem_products(const BrainMTConfig& c, double patches) {
  const auto width = static_cast<double>(c.embed_dim), frames = static_cast<double>(c.frames);
  if (c.stem == Stem::kPatch) return {patch_voxels() * width * patches * frames, 0};
  struct Layer {
    double in, out;
    bool halves;
  };
  const double eighth = width / 8, quarter = width / 4, half = width / 2;
  const std::array<Layer, 8> layers{{{1, eighth, true},
                                     {eighth, quarter, true},
                                     {quarter, quarter, false},
                                     {quarter, quarter, false},
                                     {quarter, half, true},
                                     {half, half, false},
                                     {half, half, false},
                                     {half, width, true}}};
  constexpr double kTaps = 27;
  auto extents = c.grid;
  std::array<double, 2> products{};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    double voxels = frames;
    for (auto& extent : extents) voxels *= static_cast<double>(extent = layers[i].halves ? (extent + 1) / 2 : extent);
    products[i == 0 ? 0 : 1] += kTaps * voxels * layers[i].in * layers[i].out;
  }
  return products;
}

}  // namespace

BrainMTConfig checked(const BrainMTConfig& c) {
  const auto refuse = [](const std::string& why) { throw UsageError("model: " + why); };
  if (c.embed_dim < 8 || c.embed_dim % 8) refuse(fmt::format("embed_dim {} must be a multiple of 8", c.embed_dim));
  if (c.num_heads < 1 || c.embed_dim % c.num_heads)
    refuse(fmt::format("embed_dim {} must be divisible by num_heads {}", c.embed_dim, c.num_heads));
  if (c.frames < 1) refuse(fmt::format("num_frames {} must be at least 1", c.frames));
  if (c.depth[0] < 0 || c.depth[1] < 0) refuse("depth must not be negative");
  if (*std::min_element(c.grid.begin(), c.grid.end()) < 1)
    refuse(fmt::format("grid {}x{}x{} must be at least 1 along every axis", c.grid[0], c.grid[1], c.grid[2]));
  return c;
}

std::string_view name_of(Stem stem) { return stem == Stem::kPatch ? "patch" : "conv"; }

config::ModelKeys brainmt_keys() {
  using namespace config;
  return {
      .family = "brainmt",
      .keys =
          {
              integer("model.embed_dim", 512, "width C of the tokens: a multiple of 8 and of model.num_heads")
                  .at_least(8),
              choice("model.stem", "conv", {"conv", "patch"},
                     "tokens of a frame: the convolution stage, or one linear map of each cube of 16x16x16 voxels")
                  .unsaid_default(),
              integers("model.depth", {12, 8}, "number of Mamba blocks, number of attention blocks")
                  .of_length(2)
                  .at_least(0)
                  .at_most(1000),
              integer("model.num_heads", 2, "attention heads").at_least(1),
              integer("model.num_frames", 200, "frames T of a window").at_least(1),
              boolean("model.bidirectional", true, "two-way Mamba mixer (the paper) or one-way (the published code)"),
              integer("model.state_dim", 16, "state N of a channel in the selective scan").at_least(1),
              integer("model.conv_kernel", 4, "taps of the causal convolution in the mixer").at_least(2),
              integer("model.expand", 2, "inner width of the mixer over its outer width").at_least(1),
              real("model.drop_path", 0.1, "largest DropPath rate; block rates grow linearly up to it")
                  .at_least(0)
                  .at_most(0.99),
              choice("model.conv_init", "he", {"he", "kaiming_uniform"},
                     "initial convolutions (or patch projection): He normal, or PyTorch's default as published"),
              choice("model.dt_init", "mamba", {"mamba", "published"},
                     "initial dt_proj: as Mamba means it, or overwritten as published"),
              choice("model.recompute", "none", {"none", "block"},
                     "block: keep only the inputs of blocks and compute them again in the backward pass; less "
                     "memory, about a third more time")
                  .free_to_change(),
              integer("model.frame_chunk", 0,
                      "frames per pass of the convolution (or patch) stage; 0: chosen from the grid")
                  .at_least(0)
                  .free_to_change(),
          },
      .rules = {check_divisible_width}};
}

BrainMTConfig brainmt_config(const config::Config& keys, const DataSpec& data) {
  const auto depth = keys.get<std::vector<std::int64_t>>("model.depth");
  BrainMTConfig c;
  c.grid = data.grid;
  c.outputs = data.outputs;
  c.frames = keys.get<std::int64_t>("model.num_frames");
  c.stem = keys.get<std::string>("model.stem") == "patch" ? Stem::kPatch : Stem::kConv;
  c.embed_dim = keys.get<std::int64_t>("model.embed_dim");
  c.depth = {static_cast<int>(depth.at(0)), static_cast<int>(depth.at(1))};
  c.num_heads = keys.get<int>("model.num_heads");
  c.bidirectional = keys.get<bool>("model.bidirectional");
  c.drop_path = keys.get<double>("model.drop_path");
  c.state_dim = keys.get<int>("model.state_dim");
  c.conv_kernel = keys.get<int>("model.conv_kernel");
  c.expand = keys.get<int>("model.expand");
  c.recompute = keys.get<std::string>("model.recompute") == "block";
  c.frame_chunk = keys.get<std::int64_t>("model.frame_chunk");
  c.conv_init = keys.get<std::string>("model.conv_init");
  c.dt_init = keys.get<std::string>("model.dt_init");
  return c;
}

std::unique_ptr<Model> make_brainmt(const config::Config& keys, const DataSpec& data, DType activation,
                                    Model::Memory memory) {
  return std::make_unique<BrainMT>(brainmt_config(keys, data), activation, memory);
}

std::string brainmt_hint(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                         const std::vector<std::string>& misshapen) {
  if (only_second_direction(missing))
    return "the file is of a one-way model: use model=brainmt_released, or allow missing tensors to keep their initial "
           "values";
  if (only_second_direction(extra))
    return "the file is of a two-way model: use model=brainmt, or allow extra tensors to drop the second direction";
  constexpr std::string_view kProjection = "patch_embed.proj.", kConvolution = "patch_embed.conv_down.";
  if (any_begins(missing, kProjection) && any_begins(extra, kConvolution))
    return "the file is of a model with the convolution stage: use model.stem=conv";
  if (any_begins(extra, kProjection) && any_begins(missing, kConvolution))
    return "the file is of a model without convolutions: use model.stem=patch";
  if (missing.empty() && extra.empty() && misshapen == std::vector<std::string>{"pos_embed"})
    return "the file is of a model of another grid, with another number of patches: prepare the cohort on that "
           "grid, or give it as grid= (weights import)";
  return "";
}

InputSpec BrainMT::input() const {
  const auto& c = config_;
  return {InputKind::kVolumes, {c.frames, c.grid[1], c.grid[0], c.grid[2]}, c.frames};
}

std::int64_t BrainMT::patches() const {
  std::int64_t p = 1;
  for (const std::int64_t extent : config_.grid) p *= halve_four_times(extent);
  return p;
}

std::int64_t BrainMT::frame_chunk() const {
  if (config_.frame_chunk > 0) return std::min(config_.frame_chunk, config_.frames);
  // The widest tensor of the convolution stage is the first: half the grid along each axis, C/8 channels. That of the
  // patch stage is the voxels, or its result. Chunks larger than needed are a little faster; with recomputation the
  // stage should not hold more than a Mamba block does.
  const std::int64_t widest_elements = (config_.recompute ? 1 : 4) * dnn::conv3d_busy_elements();
  std::int64_t per_frame = config_.embed_dim / 8;
  for (const std::int64_t extent : config_.grid) per_frame *= (extent + 1) / 2;
  if (config_.stem == Stem::kPatch)
    per_frame = patches() * std::max(kPatchEdge * kPatchEdge * kPatchEdge, config_.embed_dim);
  return std::clamp<std::int64_t>(widest_elements / per_frame, 1, config_.frames);
}

void BrainMT::tune(const config::Config& config) {
  if (config.schema().find("model.frame_chunk")) config_.frame_chunk = config.get<std::int64_t>("model.frame_chunk");
}

nlohmann::json BrainMT::describe() const {
  const BrainMTConfig& c = config_;
  return {{"grid", c.grid},
          {"frames", c.frames},
          {"stem", name_of(c.stem)},
          {"embed_dim", c.embed_dim},
          {"depth", c.depth},
          {"num_heads", c.num_heads},
          {"bidirectional", c.bidirectional},
          {"outputs", c.outputs},
          {"drop_path", c.drop_path},
          {"state_dim", c.state_dim},
          {"conv_kernel", c.conv_kernel},
          {"expand", c.expand}};
}

std::string BrainMT::id() const {
  const BrainMTConfig& c = config_;
  return fmt::format("brainmt-{}{}-c{}-m{}-a{}-t{}", c.bidirectional ? "two-way" : "one-way",
                     c.stem == Stem::kPatch ? "-patch" : "", c.embed_dim, c.depth[0], c.depth[1], c.frames);
}

nlohmann::ordered_json BrainMT::embedding_facts() const {
  const BrainMTConfig& c = config_;
  return {{"stem", name_of(c.stem)},
          {"mamba_config",
           {{"blocks", c.depth[0]},
            {"d_state", c.state_dim},
            {"d_conv", c.conv_kernel},
            {"expand", c.expand},
            {"directions", c.bidirectional ? 2 : 1},
            {"scan_order", "temporal_first: CLS, then for each place all frames"}}},
          {"layer", "after the last attention block, before the head; not normalised"}};
}

std::vector<std::pair<std::string, std::string>> BrainMT::facts() const {
  std::vector<std::pair<std::string, std::string>> facts;
  if (config_.stem == Stem::kPatch) facts.emplace_back("stem", "patches of 16x16x16 voxels, no convolutions");
  facts.emplace_back("tokens",
                     fmt::format("{} per sample ({} patches x {} frames + 1)", tokens(), patches(), config_.frames));
  return facts;
}

// Multiply-adds of one window, each two operations. A backward GEMM costs twice the forward one; the stem's first has
// no data gradient; the attention core is computed again in backward (3.5 x in all); the last attention block has one
// query row. Norms and the scan itself are bound by memory and little beside these.
Cost BrainMT::cost(std::int64_t batch) const {
  const BrainMTConfig& c = config_;
  const double width = static_cast<double>(c.embed_dim), rows = static_cast<double>(tokens());
  const double inner = width * c.expand, rank = std::ceil(width / 16), directions = c.bidirectional ? 2 : 1;
  const double mixer = 3 * width * inner + directions * (inner * (rank + 2 * c.state_dim) + rank * inner);
  const double block = 8 * width * width;  // q, k, v, proj; MLP of ratio 2
  const double full = std::max(0, c.depth[1] - 1), last = c.depth[1] > 0 ? 1 : 0;
  const double dense = c.depth[0] * rows * mixer + full * rows * block + last * (2 * rows + 6) * width * width;
  const double core = 2 * width * (full * rows * rows + last * rows);
  const auto [first, others] = stem_products(c, static_cast<double>(patches()));

  // Rows of C values that each block keeps, or one row a block with recomputation; and what the stem holds.
  const double of_mamba = 6 + 3 * c.expand * directions, of_attention = 11;
  const double kept = c.recompute ? c.depth[0] + c.depth[1] + std::max(of_mamba, of_attention)
                                  : c.depth[0] * of_mamba + c.depth[1] * of_attention;
  double per_frame = width / 8 * 4;  // of the outputs of the convolution stage
  for (const std::int64_t extent : c.grid) per_frame *= static_cast<double>((extent + 1) / 2);
  if (c.stem == Stem::kPatch) per_frame = static_cast<double>(patches()) * patch_voxels();
  const double values = rows * width * kept + static_cast<double>(frame_chunk()) * per_frame;

  const auto samples = static_cast<double>(batch);
  return {.forward_flops = samples * 2 * (first + others + dense + core),
          .training_flops = samples * 2 * (2 * first + 3 * others + 3 * dense + 3.5 * core),
          .activation_bytes = samples * values * static_cast<double>(size_of(store_.activation_dtype()))};
}

}  // namespace brainmt::models
