#include "models/brainlm.hpp"

#include <cmath>

#include "autograd/masked_ops.hpp"
#include "kernels/reconstruction.hpp"
#include "kernels/tokens.hpp"
#include "models/masking.hpp"
#include "models/pooling.hpp"
#include "nn/init.hpp"
#include "nn/modules.hpp"
#include "tensor/views.hpp"

namespace brainmt::models {

using autograd::Tape;
using autograd::Var;
using nn::Scope;

namespace {

constexpr double kLeakySlope = 0.1, kStd = 0.02;

enum class Side { kEncoder, kDecoder };

// Measured initial values of the published code: normal in the encoder, Xavier's in the decoder.
nn::Initialiser weight_init(Side side, std::int64_t in, std::int64_t out) {
  return side == Side::kEncoder ? nn::init::normal(kStd) : nn::init::xavier_uniform(in, out);
}

nn::Linear dense(const Scope& s, Side side, std::int64_t in, std::int64_t out) {
  return {s, in, out, true, weight_init(side, in, out)};
}

template <class T>
T of(Side side, const std::array<T, 2>& pair) {
  return pair[side == Side::kEncoder ? 0 : 1];
}

// How dropout of one layer draws.
struct Dropout {
  Tensor keys;  // undefined: none
  double rate;
  std::uint32_t stream;

  Var operator()(Tape& tape, const Var& x, std::uint32_t offset) const {
    return autograd::dropout(tape, x, keys, stream + offset, rate);
  }
};

struct Layer {
  nn::Linear query, key, value;
  nn::Parameter& filter;
  nn::Linear attention_output;
  nn::LayerNorm attention_norm;
  nn::Linear intermediate, output;
  nn::LayerNorm norm;
  int heads;
  std::int64_t landmarks;  // 0: exact attention

  Layer(const Scope& s, Side side, const BrainLmConfig& c)
      : query(dense(s.in("attention.self.query"), side, c.embed_dim, c.embed_dim)),
        key(dense(s.in("attention.self.key"), side, c.embed_dim, c.embed_dim)),
        value(dense(s.in("attention.self.value"), side, c.embed_dim, c.embed_dim)),
        filter(
            s.in("attention.self.conv")
                .declare("weight", Shape{of(side, c.num_heads), 1, c.filter_taps, 1},
                         side == Side::kEncoder ? nn::init::normal(kStd) : nn::init::kaiming_uniform(c.filter_taps))),
        attention_output(dense(s.in("attention.output.dense"), side, c.embed_dim, c.embed_dim)),
        attention_norm(s.in("attention.output.LayerNorm"), c.embed_dim, c.norm_eps),
        intermediate(dense(s.in("intermediate.dense"), side, c.embed_dim, of(side, c.ffn))),
        output(dense(s.in("output.dense"), side, of(side, c.ffn), c.embed_dim)),
        norm(s.in("output.LayerNorm"), c.embed_dim, c.norm_eps),
        heads(of(side, c.num_heads)),
        landmarks(c.landmarks == c.landmark_tokens ? 0 : c.landmarks) {}

  Var operator()(Tape& tape, const Var& x, const Dropout& drop) const {
    const Var q = query(tape, x), k = key(tape, x), v = value(tape, x);
    const Var attended = landmarks > 0 ? autograd::landmark_attention(tape, q, k, v, heads, landmarks)
                                       : autograd::attention(tape, q, k, v, heads);
    const Var context = autograd::add(tape, attended, autograd::token_filter(tape, v, filter));
    const Var a = attention_norm(tape, autograd::add(tape, x, drop(tape, attention_output(tape, context), 0)));
    const Var mlp = autograd::linear_gelu_linear(tape, a, intermediate.affine, output.affine);
    return norm(tape, autograd::add(tape, a, drop(tape, mlp, 1)));
  }
};

std::vector<Layer> layers_of(const Scope& s, const std::string& name, Side side, int first_depth,
                             const BrainLmConfig& c) {
  std::vector<Layer> made;
  for (int i = 0; i < of(side, c.depth); ++i)
    made.emplace_back(Scope{s.store, s.prefix, first_depth + i}.in(fmt::format("{}.{}", name, i)), side, c);
  return made;
}

}  // namespace

struct BrainLm::Modules {
  nn::Parameter& cls_token;
  nn::Linear signal, xyz;
  std::vector<Layer> encoder;
  nn::LayerNorm norm;
  nn::Linear decoder_embed;
  nn::Parameter& mask_token;
  nn::Linear decoder_xyz;
  std::vector<Layer> decoder;
  nn::LayerNorm decoder_norm;
  nn::Linear pred1, pred2, unused;
  std::unique_ptr<MlpHead> head;

  Modules(const Scope& s, const BrainLmConfig& c)
      : cls_token(s.in("vit.embeddings").declare("cls_token", {1, 1, c.embed_dim}, nn::init::normal(kStd))),
        signal(dense(s.in("vit.embeddings.signal_embedding_projection"), Side::kEncoder, c.patch_frames, c.embed_dim)),
        xyz(dense(s.in("vit.embeddings.xyz_embedding_projection"), Side::kEncoder, 3, c.embed_dim)),
        encoder(layers_of(s, "vit.encoder.layer", Side::kEncoder, 1, c)),
        norm(at_depth(s, c.depth[0]).in("vit.layernorm"), c.embed_dim, c.norm_eps),
        decoder_embed(dense(after(s, c).in("decoder.decoder_embed"), Side::kDecoder, c.embed_dim, c.embed_dim)),
        mask_token(after(s, c).in("decoder").declare("mask_token", {1, 1, c.embed_dim}, nn::init::normal(kStd))),
        decoder_xyz(dense(after(s, c).in("decoder.decoder_xyz_projection"), Side::kDecoder, 3, c.embed_dim)),
        decoder(layers_of(s, "decoder.decoder_layers", Side::kDecoder, c.depth[0] + 1, c)),
        decoder_norm(last(s, c).in("decoder.decoder_norm"), c.embed_dim, c.norm_eps),
        pred1(dense(last(s, c).in("decoder.decoder_pred1"), Side::kDecoder, c.embed_dim, c.embed_dim / 2)),
        pred2(dense(last(s, c).in("decoder.decoder_pred2"), Side::kDecoder, c.embed_dim / 2, c.patch_frames)),
        unused(last(s, c).in("decoder.decoder_pred"), c.embed_dim, c.unused_rows, true, nn::init::constant(0)),
        head(c.outputs > 0 ? std::make_unique<MlpHead>(at_depth(s, c.depth[0] + 1), c.embed_dim, c.outputs) : nullptr) {
    unused.affine.weight->decay = false;
  }

  static Scope at_depth(const Scope& s, int layer) { return {s.store, s.prefix, layer}; }
  static Scope after(const Scope& s, const BrainLmConfig& c) { return at_depth(s, c.depth[0]); }
  static Scope last(const Scope& s, const BrainLmConfig& c) { return at_depth(s, c.depth[0] + c.depth[1]); }
};

BrainLm::BrainLm(const BrainLmConfig& config, DType activation, Memory memory)
    : Model(activation), config_(checked(config)), modules_(std::make_unique<Modules>(Scope{store_, ""}, config_)) {
  if (memory == Memory::kAllocate) store_.allocate();
}

BrainLm::~BrainLm() = default;

void BrainLm::make_constants() {
  if (!xyz_) {
    std::vector<float> xyz;
    for (const auto& centroid : config_.xyz)
      for (const double mm : centroid) xyz.push_back(static_cast<float>(mm * config_.xyz_scale));
    xyz_ = Tensor::from_host(xyz, {config_.parcels(), 3}, store_.master_dtype());
  }
  if (!time_) {
    const std::int64_t rows = config_.frames / config_.patch_frames;
    time_ = Tensor::from_host(time_table(rows, config_.embed_dim), {rows, config_.embed_dim}, store_.master_dtype());
  }
}

std::int64_t BrainLm::kept() const { return kept_tokens(config_.tokens(), config_.mask_ratio); }

std::vector<float> BrainLm::draws(const Pass& pass) const {
  std::vector<float> rows;
  if (pass.want & kReconstruction) rows = mask_rows(orders_of(pass, config_.tokens()));
  if (pass.training && (config_.dropout > 0 || config_.hidden_dropout > 0)) {
    const std::vector<float> keys = dropout_keys(pass);
    rows.insert(rows.end(), keys.begin(), keys.end());
  }
  return rows;
}

std::vector<double> BrainLm::hidden_values(const Pass& pass) const {
  const std::int64_t hidden = config_.tokens() - kept();
  return std::vector<double>(pass.samples.size(), static_cast<double>(hidden * config_.patch_frames));
}

void BrainLm::check_length(std::int64_t rows) const {
  const BrainLmConfig& c = config_;
  if (c.landmarks == c.landmark_tokens || rows == c.landmark_tokens) return;
  throw UsageError(
      fmt::format("model.landmark_tokens={}: attention by landmarks is for as many rows, found {} (class row and "
                  "tokens): give model.landmarks the same value for exact attention, as every published model has it",
                  c.landmark_tokens, rows));
}

namespace {

// One layer after the other, each computed again in the backward pass where that is asked for.
Var run_layers(Tape& tape, const std::vector<Layer>& layers, Var h, bool recompute, const Tensor& keys, double rate,
               std::uint32_t stream, const std::string& name, const LayerObserver& observer) {
  if (observer) observer(name + "/input", h.value());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Dropout drop{keys, rate, stream + static_cast<std::uint32_t>(2 * i)};
    const auto body = [&layer = layers[i], drop](Tape& tp, const std::vector<Var>& in) {
      return std::vector{layer(tp, in[0], drop)};
    };
    h = recompute && tape.recording() ? autograd::recompute(tape, {h}, body)[0] : body(tape, {h})[0];
    if (observer) observer(fmt::format("{}/{}", name, i), h.value());
  }
  return h;
}

constexpr std::uint32_t kTokenStream = 0, kDecoderTokenStream = 1, kEncoderStream = 0x100, kDecoderStream = 0x200;

}  // namespace

Var BrainLm::encode(Tape& tape, const Var& x, const MaskDraws& draws, std::int64_t kept) const {
  const Modules& m = *modules_;
  const BrainLmConfig& c = config_;
  check_length(1 + kept);
  const Var patches = x.reshaped({x.shape()[0], c.tokens(), c.patch_frames});
  const Var coordinates = autograd::linear(tape, Var(xyz_), m.xyz.affine, store_.master_dtype());
  Var tokens = autograd::add_positions(tape, m.signal(tape, patches), coordinates, time_, 0);
  tokens = autograd::dropout(tape, tokens, draws.keys, kTokenStream, c.dropout);
  const Var h = autograd::keep_tokens(tape, tokens, m.cls_token, {}, draws.order, draws.restore, kept);
  return m.norm(tape, run_layers(tape, m.encoder, h, c.recompute, draws.keys, c.hidden_dropout, kEncoderStream,
                                 "encoder", observer_));
}

// [B, V, T] in the master type.
Var BrainLm::decode(Tape& tape, const Var& latent, const MaskDraws& draws) const {
  const Modules& m = *modules_;
  const BrainLmConfig& c = config_;
  check_length(1 + c.tokens());
  Var h = autograd::restore_tokens(tape, m.decoder_embed(tape, latent), m.mask_token, draws.order, draws.restore);
  const Var coordinates = autograd::linear(tape, Var(xyz_), m.decoder_xyz.affine, store_.master_dtype());
  h = autograd::add_positions(tape, h, coordinates, time_, 1);
  h = autograd::dropout(tape, h, draws.keys, kDecoderTokenStream, c.dropout);
  h = m.decoder_norm(tape, run_layers(tape, m.decoder, h, c.recompute, draws.keys, c.hidden_dropout, kDecoderStream,
                                      "decoder", observer_));
  h = autograd::leaky_relu(tape, m.pred1(tape, h), kLeakySlope);
  h = autograd::drop_class_row(tape, autograd::linear(tape, h, m.pred2.affine, store_.master_dtype()));
  if (c.tanh_decoder) h = autograd::tanh(tape, h);
  return h.reshaped({h.shape()[0], c.parcels(), c.frames});
}

Output BrainLm::forward(Tape& tape, const Var& x, const Pass& pass) {
  const std::int64_t batch = x.shape()[0];
  BRAINMT_CHECK(x.shape() == input_shape(batch), "input {}, expected {}", x.shape().str(), input_shape(batch).str());
  make_constants();
  const bool masked = (pass.want & kReconstruction) != 0;
  const MaskDraws draws(draws_of(*this, pass, batch), config_.tokens(), masked);
  const Var latent = encode(tape, x, draws, masked ? kept() : config_.tokens());

  Output result;
  const Var row = autograd::cls_row(tape, latent).reshaped({batch, config_.embed_dim});
  result.embedding = in_master(row);
  if (modules_->head) result.prediction = (*modules_->head)(tape, row);
  if (pass.want & kTokens) result.tokens = latent.value();
  if (pass.want & kMeanEmbedding) result.mean_embedding = mean_over_tokens(latent.value());
  if (!masked) return result;
  result.reconstruction = decode(tape, latent, draws);
  result.absolute_error = config_.absolute_loss;
  result.target = x.value().to(store_.master_dtype());
  result.hidden = Tensor(x.shape(), DType::kF32);
  kernels::hidden_patches(kernels::Exec{}, view3<float>(result.hidden), view2<const float>(draws.restore),
                          static_cast<std::size_t>(kept()), static_cast<std::size_t>(config_.patch_frames));
  return result;
}

}  // namespace brainmt::models
