#include "models/brainmt.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "autograd/ops.hpp"
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

// Either gives the same patches.
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

  Modules(const Scope& s, const BrainMTConfig& c, std::int64_t patches)
      : stem(frame_stem(s, c)),
        cls_token(s.declare("cls_token", {1, 1, c.embed_dim}, nn::init::constant(0), false)),
        pos_embed(s.declare("pos_embed", {1, 1 + patches, c.embed_dim}, nn::init::truncated_normal(0.02), false)),
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

BrainMT::BrainMT(const BrainMTConfig& config, DType activation, Memory memory)
    : Model(activation),
      config_(checked(config)),
      modules_(std::make_unique<Modules>(Scope{store_, ""}, config_, patches())) {
  if (memory == Memory::kAllocate) store_.allocate();
}

BrainMT::~BrainMT() = default;

std::vector<float> BrainMT::draws(const Pass& pass) const {
  return DropPath::draw(config_.drop_path, config_.depth, pass);
}

Output BrainMT::forward(Tape& tape, const Var& x, const Pass& pass) {
  const Modules& m = *modules_;
  const bool all_tokens = (pass.want & (kTokens | kMeanEmbedding)) != 0;
  const std::int64_t batch = x.shape()[0], frames = config_.frames;
  BRAINMT_CHECK(x.shape() == input_shape(batch), "input {}, expected {}", x.shape().str(), input_shape(batch).str());
  const DropPath drop_path(config_.drop_path, config_.depth, pass, batch);
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

  Output result;
  result.embedding = (h.shape()[1] == 1 ? h : autograd::cls_row(tape, h)).reshaped({batch, config_.embed_dim});
  result.prediction = autograd::linear(tape, result.embedding, m.head.affine, store_.master_dtype());
  if (pass.want & kTokens) result.tokens = h.value();
  if (pass.want & kMeanEmbedding) result.mean_embedding = mean_over_tokens(h.value());
  return result;
}

Tensor BrainMT::frame_embeddings(const Tensor& tokens) const {
  const std::int64_t frames = config_.frames;
  BRAINMT_CHECK(tokens.shape().rank() == 3 && (tokens.shape()[1] - 1) % frames == 0, "tokens {} of {} frames",
                tokens.shape().str(), frames);
  const Tensor means({tokens.shape()[0], frames, tokens.shape()[2]}, tokens.dtype());
  for_master_type(tokens, [&]<class M>() {
    kernels::mean_frame_tokens<M>(kernels::Exec{}, view3<M>(means), view3<const M>(tokens));
  });
  return means;
}

}  // namespace brainmt::models
