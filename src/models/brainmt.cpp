#include "models/brainmt.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "autograd/ops/tokens.hpp"
#include "dnn/conv3d.hpp"
#include "kernels/tokens.hpp"
#include "models/drop_path.hpp"
#include "nn/init.hpp"
#include "nn/modules.hpp"
#include "tensor/views.hpp"

namespace brainmt::models {

using autograd::Tape;
using autograd::Var;
using nn::Scope;

namespace {

// Every axis is halved, rounded up, by four convolutions of stride 2.
std::int64_t halve_four_times(std::int64_t extent) {
  for (int i = 0; i < 4; ++i) extent = (extent + 1) / 2;
  return extent;
}

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

// Linear weights keep the spread that 0.02 has at width 512.
double linear_std(const BrainMTConfig& c) { return 0.02 * std::sqrt(512.0 / static_cast<double>(c.embed_dim)); }
double out_scale(const BrainMTConfig& c) { return 1.0 / std::sqrt(std::max(1, c.depth[0] + c.depth[1])); }

// Runs `compute` for the element type of h.
template <class Compute>
void for_master_type(const Tensor& h, const Compute& compute) {
  if (h.dtype() == DType::kF64)
    compute.template operator()<double>();
  else
    compute.template operator()<float>();
}

Tensor mean_over_tokens(const Tensor& h) {
  const Tensor mean({h.shape()[0], h.shape()[2]}, h.dtype());
  for_master_type(h, [&]<class M>() { kernels::mean_tokens<M>(kernels::Exec{}, view2<M>(mean), view3<const M>(h)); });
  return mean;
}

// C/8, C/4, C/4, C/2, C/2, C channels. Frames [Tc, Y, X, Z, 1] to features [Tc, Y', X', Z', C].
struct ConvolutionStage {
  nn::Conv3d stem1, stem2;
  nn::ConvBlock conv_block0;
  nn::Conv3d downsample0;
  nn::ConvBlock conv_block1;
  nn::Conv3d downsample1;

  ConvolutionStage(const Scope& s, const BrainMTConfig& c)
      : stem1(s.in("patch_embed.conv_down.0"), 1, c.embed_dim / 8, 2, false, true, c.conv_init),
        stem2(s.in("patch_embed.conv_down.2"), c.embed_dim / 8, c.embed_dim / 4, 2, false, true, c.conv_init),
        conv_block0(s.in("conv_block0"), c.embed_dim / 4, c.conv_init),
        downsample0(s.in("downsample0.reduction.0"), c.embed_dim / 4, c.embed_dim / 2, 2, false, false, c.conv_init),
        conv_block1(s.in("conv_block1"), c.embed_dim / 2, c.conv_init),
        downsample1(s.in("downsample1.reduction.0"), c.embed_dim / 2, c.embed_dim, 2, false, false, c.conv_init) {}

  Var operator()(Tape& tape, const Var& frames) const {
    Var h = stem2(tape, stem1(tape, frames));
    h = downsample0(tape, conv_block0(tape, h));
    return downsample1(tape, conv_block1(tape, h));
  }
};

// Either gives the same places.
using FrameStem = std::variant<ConvolutionStage, nn::PatchProjection>;

FrameStem frame_stem(const Scope& s, const BrainMTConfig& c) {
  if (c.stem == Stem::kPatch)
    return nn::PatchProjection(s.in("patch_embed.proj"), kPatchEdge, c.embed_dim, c.conv_init);
  return ConvolutionStage(s, c);
}

struct MambaBlock {
  nn::RmsNorm norm;
  nn::MambaMixer mixer;
};

}  // namespace

struct BrainMT::Modules {
  FrameStem stem;
  // Tokens.
  nn::Parameter &cls_token, &pos_embed, &temporal_pos_embedding;
  // Sequence stage.
  std::vector<MambaBlock> layers;
  nn::RmsNorm norm_f;
  std::vector<nn::Attention> blocks;
  nn::LayerNorm norm;  // shared by all attention blocks, as is the MLP
  nn::Mlp mlp;
  nn::Linear head;

  Modules(const Scope& s, const BrainMTConfig& c, std::int64_t places)
      : stem(frame_stem(s, c)),
        cls_token(s.declare("cls_token", {1, 1, c.embed_dim}, nn::init::constant(0), false)),
        pos_embed(s.declare("pos_embed", {1, 1 + places, c.embed_dim}, nn::init::truncated_normal(0.02), false)),
        temporal_pos_embedding(
            s.declare("temporal_pos_embedding", {1, c.frames, c.embed_dim}, nn::init::truncated_normal(0.02), false)),
        layers(mamba_blocks(s, c)),
        norm_f(at_depth(s, c.depth[0]).in("norm_f"), c.embed_dim),
        blocks(attention_blocks(s, c)),
        norm(at_depth(s, c.depth[0] + c.depth[1]).in("norm"), c.embed_dim),
        mlp(at_depth(s, c.depth[0] + c.depth[1]).in("mlp"), c.embed_dim, 2 * c.embed_dim, linear_std(c), out_scale(c)),
        head(at_depth(s, c.depth[0] + c.depth[1] + 1).in("head"), c.embed_dim, c.outputs, true,
             nn::init::truncated_normal(linear_std(c))) {}

  static Scope at_depth(const Scope& s, int layer) { return {s.store, s.prefix, layer}; }

  static std::vector<MambaBlock> mamba_blocks(const Scope& s, const BrainMTConfig& c) {
    nn::MambaMixerSizes sizes{.width = c.embed_dim, .state = c.state_dim, .kernel = c.conv_kernel, .expand = c.expand};
    sizes.bidirectional = c.bidirectional;
    sizes.published_dt_init = c.dt_init == "published";
    sizes.weight_std = linear_std(c);
    sizes.out_scale = out_scale(c);
    std::vector<MambaBlock> made;
    for (int i = 0; i < c.depth[0]; ++i) {
      const Scope layer = at_depth(s, 1 + i).in(fmt::format("layers.{}", i));
      made.push_back({nn::RmsNorm(layer.in("norm"), c.embed_dim), nn::MambaMixer(layer.in("mixer"), sizes)});
    }
    return made;
  }

  static std::vector<nn::Attention> attention_blocks(const Scope& s, const BrainMTConfig& c) {
    std::vector<nn::Attention> made;
    for (int i = 0; i < c.depth[1]; ++i)
      made.emplace_back(at_depth(s, 1 + c.depth[0] + i).in(fmt::format("blocks.{}", i)), c.embed_dim, c.num_heads,
                        linear_std(c));
    return made;
  }

  Var features_of(Tape& tape, const Var& frames) const {
    return std::visit([&](const auto& stage) { return stage(tape, frames); }, stem);
  }

  // residual += hidden; hidden = mixer(RMSNorm(residual)). The first block has no hidden yet.
  std::vector<Var> mamba(Tape& tape, const MambaBlock& layer, const Var& residual, const Var& hidden,
                         const Tensor& keep) const {
    if (!hidden.defined()) return {residual, layer.mixer(tape, layer.norm(tape, residual, norm.out))};
    const auto [normed, sum] =
        autograd::add_rms_norm(tape, residual, hidden, keep, *layer.norm.weight, nn::RmsNorm::kEps);
    return {sum, layer.mixer(tape, normed)};
  }

  // h += attention(LN(h)); h += mlp(LN(h)). With `cls_only` just the CLS row is computed, and returned.
  Var attend(Tape& tape, const nn::Attention& attention, Var h, bool cls_only, const Tensor& keep_attention,
             const Tensor& keep_mlp) const {
    const Var x = norm(tape, h);
    Var queries = x;
    if (cls_only) {
      queries = autograd::cls_row(tape, x);
      h = autograd::cls_row(tape, h);
    }
    h = autograd::residual_add(tape, h, attention(tape, queries, x), keep_attention);
    return autograd::residual_add(tape, h, mlp(tape, norm(tape, h)), keep_mlp);
  }
};

std::string_view name_of(Stem stem) { return stem == Stem::kPatch ? "patch" : "conv"; }

std::optional<Stem> stem_named(std::string_view name) {
  for (const Stem stem : {Stem::kConv, Stem::kPatch})
    if (name == name_of(stem)) return stem;
  return std::nullopt;
}

BrainMT::BrainMT(const BrainMTConfig& config, DType activation, Memory memory)
    : config_(checked(config)),
      store_(activation),
      modules_(std::make_unique<Modules>(Scope{store_, ""}, config_, places())) {
  if (memory == Memory::kAllocate) store_.allocate();
}

BrainMT::~BrainMT() = default;

std::int64_t BrainMT::places() const {
  std::int64_t p = 1;
  for (std::int64_t extent : config_.grid) p *= halve_four_times(extent);
  return p;
}

void BrainMT::initialise(std::uint64_t seed) { store_.initialise(seed); }

std::int64_t BrainMT::frame_chunk() const {
  if (config_.frame_chunk > 0) return std::min(config_.frame_chunk, config_.frames);
  // The widest tensor of the convolution stage is the first: half the grid along each axis, C/8 channels. That of the
  // patch stage is the voxels, or its result. Chunks larger than needed are a little faster; with recomputation the
  // stage should not hold more than a Mamba block does.
  const std::int64_t widest_elements = (config_.recompute ? 1 : 4) * dnn::conv3d_busy_elements();
  std::int64_t per_frame = config_.embed_dim / 8;
  for (std::int64_t extent : config_.grid) per_frame *= (extent + 1) / 2;
  if (config_.stem == Stem::kPatch)
    per_frame = places() * std::max(kPatchEdge * kPatchEdge * kPatchEdge, config_.embed_dim);
  return std::clamp<std::int64_t>(widest_elements / per_frame, 1, config_.frames);
}

std::vector<float> BrainMT::drop_path_factors(const ForwardContext& context) const {
  return DropPath::draw(config_.drop_path, config_.depth, context);
}

BrainMTOutput BrainMT::forward(Tape& tape, const Var& x, const ForwardContext& context, bool all_tokens) {
  const Modules& m = *modules_;
  const std::int64_t batch = x.shape()[0], frames = config_.frames;
  BRAINMT_CHECK((x.shape() == Shape{batch, frames, config_.grid[1], config_.grid[0], config_.grid[2]}),
                "input {} for a grid of {}x{}x{} and {} frames", x.shape().str(), config_.grid[0], config_.grid[1],
                config_.grid[2], frames);
  const DropPath drop_path(config_.drop_path, config_.depth, context, batch);
  const auto block = [&](const std::vector<Var>& inputs, autograd::Block body) {
    return config_.recompute && tape.recording() ? autograd::recompute(tape, inputs, std::move(body))
                                                 : body(tape, inputs);
  };

  // The stem, some frames at a time: there are no batch statistics, so chunks change nothing but memory.
  std::vector<autograd::FrameFeatures> features;
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < frames; t += frame_chunk()) {
      const Var chunk = autograd::slice_frames(tape, x, b, t, std::min(frames, t + frame_chunk()));
      const auto stem = [&m](Tape& tp, const std::vector<Var>& in) { return std::vector{m.features_of(tp, in[0])}; };
      // A projection keeps its input only, so there is nothing that computing it again would save.
      const bool keeps_much = config_.stem == Stem::kConv;
      features.push_back({(keeps_much ? block({chunk}, stem) : stem(tape, {chunk}))[0], b, t});
    }
  }
  Var residual = autograd::assemble_tokens(tape, features, m.cls_token, m.pos_embed, m.temporal_pos_embedding, batch);
  features.clear();

  Var hidden;
  for (std::size_t i = 0; i < m.layers.size(); ++i) {
    const auto out =
        block({residual, hidden}, [&m, i, keep = drop_path.mamba(i)](Tape& tp, const std::vector<Var>& in) {
          return m.mamba(tp, m.layers[i], in[0], in[1], keep);
        });
    residual = out[0];
    hidden = out[1];
  }
  if (hidden.defined()) residual = autograd::residual_add(tape, residual, hidden, drop_path.mamba_end());
  Var h = m.norm_f(tape, residual, store_.master_dtype());

  for (std::size_t i = 0; i < m.blocks.size(); ++i) {
    const bool cls_only = i + 1 == m.blocks.size() && !all_tokens;
    h = block({h}, [&m, i, cls_only, keep_attention = drop_path.attention(i), keep_mlp = drop_path.mlp(i)](
                       Tape& tp, const std::vector<Var>& in) {
      return std::vector{m.attend(tp, m.blocks[i], in[0], cls_only, keep_attention, keep_mlp)};
    })[0];
  }

  BrainMTOutput result;
  result.cls_embedding = (h.shape()[1] == 1 ? h : autograd::cls_row(tape, h)).reshaped({batch, config_.embed_dim});
  result.output = autograd::linear(tape, result.cls_embedding, m.head.affine, store_.master_dtype());
  if (all_tokens) {
    result.tokens = h.value();
    result.mean_embedding = mean_over_tokens(result.tokens);
  }
  return result;
}

Tensor frame_embeddings(const Tensor& tokens, std::int64_t frames) {
  BRAINMT_CHECK(tokens.shape().rank() == 3 && (tokens.shape()[1] - 1) % frames == 0, "tokens {} of {} frames",
                tokens.shape().str(), frames);
  const Tensor means({tokens.shape()[0], frames, tokens.shape()[2]}, tokens.dtype());
  for_master_type(tokens, [&]<class M>() {
    kernels::mean_frame_tokens<M>(kernels::Exec{}, view3<M>(means), view3<const M>(tokens));
  });
  return means;
}

}  // namespace brainmt::models
