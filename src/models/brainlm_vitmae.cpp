#include "models/brainlm_vitmae.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/masked_ops.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/reconstruction.hpp"
#include "models/pooling.hpp"
#include "nn/init.hpp"
#include "nn/modules.hpp"
#include "tensor/views.hpp"

namespace brainmt::models {

using autograd::Tape;
using autograd::Var;
using nn::Scope;

namespace {

constexpr double kStd = 0.02, kPixelEps = 1e-6;

nn::Linear dense(const Scope& s, std::int64_t in, std::int64_t out, bool bias = true) {
  return {s, in, out, bias, nn::init::normal(kStd)};
}

struct Layer {
  nn::LayerNorm before;
  nn::Linear query, key, value, attention_output;
  nn::LayerNorm after;
  nn::Linear intermediate, output;
  int heads;

  Layer(const Scope& s, std::size_t side, const BrainLmVitMaeConfig& c)
      : before(s.in("layernorm_before"), c.width[side], c.norm_eps),
        query(dense(s.in("attention.attention.query"), c.width[side], c.width[side], c.qkv_bias)),
        key(dense(s.in("attention.attention.key"), c.width[side], c.width[side], c.qkv_bias)),
        value(dense(s.in("attention.attention.value"), c.width[side], c.width[side], c.qkv_bias)),
        attention_output(dense(s.in("attention.output.dense"), c.width[side], c.width[side])),
        after(s.in("layernorm_after"), c.width[side], c.norm_eps),
        intermediate(dense(s.in("intermediate.dense"), c.width[side], c.ffn[side])),
        output(dense(s.in("output.dense"), c.ffn[side], c.width[side])),
        heads(c.num_heads[side]) {}

  // The residual stream h has the master type.
  Var operator()(Tape& tape, const Var& h) const {
    const Var x = before(tape, h);
    const Var context = autograd::attention(tape, query(tape, x), key(tape, x), value(tape, x), heads);
    const Var a = autograd::residual_add(tape, h, attention_output(tape, context), {});
    const Var mlp = autograd::linear_gelu_linear(tape, after(tape, a), intermediate.affine, output.affine);
    return autograd::residual_add(tape, a, mlp, {});
  }
};

std::vector<Layer> layers_of(const Scope& s, const std::string& name, std::size_t side, int first_depth,
                             const BrainLmVitMaeConfig& c) {
  std::vector<Layer> made;
  for (int i = 0; i < c.depth[side]; ++i)
    made.emplace_back(Scope{s.store, s.prefix, first_depth + i}.in(fmt::format("{}.{}", name, i)), side, c);
  return made;
}

Var run_layers(Tape& tape, const std::vector<Layer>& layers, Var h, bool recompute, const std::string& name,
               const LayerObserver& observer) {
  if (observer) observer(name + "/input", h.value());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto body = [&layer = layers[i]](Tape& tp, const std::vector<Var>& in) {
      return std::vector{layer(tp, in[0])};
    };
    h = recompute && tape.recording() ? autograd::recompute(tape, {h}, body)[0] : body(tape, {h})[0];
    if (observer) observer(fmt::format("{}/{}", name, i), h.value());
  }
  return h;
}

std::vector<std::int64_t> by_y(const std::vector<std::array<double, 3>>& xyz) {
  std::vector<std::int64_t> order(xyz.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t v) { return xyz[static_cast<std::size_t>(v)][1]; });
  return order;
}

Scope at_depth(const Scope& s, int layer) { return {s.store, s.prefix, layer}; }

}  // namespace

struct BrainLmVitMae::Modules {
  nn::Parameter& cls_token;
  autograd::Affine projection;
  std::vector<Layer> encoder;
  nn::LayerNorm norm;
  nn::Linear decoder_embed;
  nn::Parameter& mask_token;
  std::vector<Layer> decoder;
  nn::LayerNorm decoder_norm;
  nn::Linear pred;
  std::unique_ptr<MlpHead> head;

  Modules(const Scope& s, const BrainLmVitMaeConfig& c)
      : cls_token(s.in("vit.embeddings").declare("cls_token", {1, 1, c.width[0]}, nn::init::normal(kStd))),
        projection(patch_projection(s.in("vit.embeddings.patch_embeddings.projection"), c)),
        encoder(layers_of(s, "vit.encoder.layer", 0, 1, c)),
        norm(after(s, c).in("vit.layernorm"), c.width[0], c.norm_eps),
        decoder_embed(dense(after(s, c).in("decoder.decoder_embed"), c.width[0], c.width[1])),
        mask_token(after(s, c).in("decoder").declare("mask_token", {1, 1, c.width[1]}, nn::init::normal(kStd))),
        decoder(layers_of(s, "decoder.decoder_layers", 1, c.depth[0] + 1, c)),
        decoder_norm(last(s, c).in("decoder.decoder_norm"), c.width[1], c.norm_eps),
        pred(dense(last(s, c).in("decoder.decoder_pred"), c.width[1], 3 * c.patch_size * c.patch_size)),
        head(c.outputs > 0 ? std::make_unique<MlpHead>(at_depth(s, c.depth[0] + 1), c.width[0], c.outputs) : nullptr) {}

  static Scope after(const Scope& s, const BrainLmVitMaeConfig& c) { return at_depth(s, c.depth[0]); }
  static Scope last(const Scope& s, const BrainLmVitMaeConfig& c) { return at_depth(s, c.depth[0] + c.depth[1]); }
  static autograd::Affine patch_projection(const Scope& s, const BrainLmVitMaeConfig& c) {
    return {.weight = &s.declare("weight", {c.width[0], 3, c.patch_size, c.patch_size}, nn::init::normal(kStd)),
            .bias = &s.declare("bias", {c.width[0]}, nn::init::constant(0))};
  }
};

BrainLmVitMae::BrainLmVitMae(const BrainLmVitMaeConfig& config, DType activation, Memory memory)
    : Model(activation),
      config_(checked(config)),
      order_(by_y(config_.xyz)),
      modules_(std::make_unique<Modules>(Scope{store_, ""}, config_)) {
  if (memory == Memory::kAllocate) store_.allocate();
}

BrainLmVitMae::~BrainLmVitMae() = default;

void BrainLmVitMae::make_constants() {
  if (rows_) return;
  rows_ = Tensor::from_host(std::vector<float>(order_.begin(), order_.end()), {config_.parcels()}, DType::kF32);
  const std::int64_t n = config_.tokens(), d = config_.width[0], e = config_.width[1];
  const Tensor table = Tensor::from_host(position_table(config_.side(), d), {1 + n, d}, store_.master_dtype());
  class_position_ = table.slice(0, 1).reshape({d});
  positions_ = table.slice(1, 1 + n);
  decoder_positions_ = Tensor::from_host(position_table(config_.side(), e), {1 + n, e}, store_.master_dtype());
}

kernels::Canvas BrainLmVitMae::canvas() const {
  const BrainLmVitMaeConfig& c = config_;
  const auto extent = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  const std::int64_t hidden = static_cast<std::int64_t>(c.mask_ratio * static_cast<double>(c.frames));
  return {extent(c.parcels()), extent(c.frames), extent(c.image_size), extent(c.patch_size),
          extent(c.hide == Hide::kLastPixel ? c.frames - hidden : c.frames)};
}

// Of the columns of patches.
std::int64_t BrainLmVitMae::first_hidden_column() const {
  const BrainLmVitMaeConfig& c = config_;
  const std::int64_t hidden = static_cast<std::int64_t>(c.mask_ratio * static_cast<double>(c.frames));
  const std::int64_t pixel = (c.image_size - c.frames) / 2 + c.frames - hidden, p = c.patch_size;
  return c.hide == Hide::kLast ? pixel / p : (pixel + p - 1) / p;
}

std::int64_t BrainLmVitMae::kept() const {
  return config_.hide == Hide::kNoise ? kept_tokens(config_.tokens(), config_.mask_ratio)
                                      : first_hidden_column() * config_.side();
}

TokenOrders BrainLmVitMae::orders(const Pass& pass) const {
  if (config_.hide == Hide::kNoise) return orders_of(pass, config_.tokens());
  std::vector<std::int64_t> order(static_cast<std::size_t>(config_.tokens()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_partition(order, [&](std::int64_t n) { return n % config_.side() < first_hidden_column(); });
  return TokenOrders(pass.samples.size(), order);
}

std::vector<float> BrainLmVitMae::draws(const Pass& pass) const {
  return (pass.want & kReconstruction) ? mask_rows(orders(pass)) : std::vector<float>{};
}

std::vector<double> BrainLmVitMae::hidden_values(const Pass& pass) const {
  const kernels::Canvas c = canvas();
  std::vector<double> of_patch(static_cast<std::size_t>(config_.tokens()), 0.0);  // pixels of the image
  double blank = 0;                                                               // of those that are shown as 0
  std::vector<double> blank_of_patch = of_patch;
  for (std::size_t r = 0; r < c.parcels; ++r)
    for (std::size_t t = 0; t < c.frames; ++t) (t >= c.blank_from ? blank_of_patch : of_patch)[c.patch_of(r, t)] += 1;
  for (const double pixels : blank_of_patch) blank += pixels;
  std::vector<double> values;
  for (const auto& order : orders(pass)) {
    double sum = blank;
    for (std::size_t i = static_cast<std::size_t>(kept()); i < order.size(); ++i)
      sum += of_patch[static_cast<std::size_t>(order[i])];
    values.push_back(sum);
  }
  return values;
}

std::vector<std::int64_t> BrainLmVitMae::data_tokens() const {
  const kernels::Canvas c = canvas();
  std::vector<char> holds(static_cast<std::size_t>(config_.tokens()), 0);
  for (std::size_t r = 0; r < c.parcels; ++r)
    for (std::size_t t = 0; t < c.frames; ++t) holds[c.patch_of(r, t)] = 1;
  std::vector<std::int64_t> tokens;
  for (std::size_t n = 0; n < holds.size(); ++n)
    if (holds[n]) tokens.push_back(static_cast<std::int64_t>(n));
  return tokens;
}

Var BrainLmVitMae::encode(Tape& tape, const Var& x, const MaskDraws& draws, std::int64_t kept) const {
  const Modules& m = *modules_;
  const Var patches = autograd::canvas_patches(tape, x, rows_, canvas(), config_.scale);
  Var h = autograd::linear(tape, patches, m.projection, store_.master_dtype());
  h = autograd::add_positions(tape, h, Var(positions_), {}, 0);
  h = autograd::keep_tokens(tape, h, m.cls_token, class_position_, draws.order, draws.restore, kept);
  return m.norm(tape, run_layers(tape, m.encoder, h, config_.recompute, "encoder", observer_));
}

// [B, V, T] in the master type.
Var BrainLmVitMae::decode(Tape& tape, const Var& latent, const MaskDraws& draws) const {
  const Modules& m = *modules_;
  const DType master = store_.master_dtype();
  Var h = autograd::linear(tape, latent, m.decoder_embed.affine, master);
  h = autograd::restore_tokens(tape, h, m.mask_token, draws.order, draws.restore);
  h = autograd::add_positions(tape, h, Var(decoder_positions_), {}, 0);
  h = m.decoder_norm(tape, run_layers(tape, m.decoder, h, config_.recompute, "decoder", observer_));
  h = autograd::linear(tape, autograd::drop_class_row(tape, h), m.pred.affine, master);
  return autograd::canvas_pixels(tape, h, rows_, canvas());
}

Tensor BrainLmVitMae::target_of(const Tensor& x) const {
  const Tensor image = x.to(store_.master_dtype()), target(x.shape(), store_.master_dtype());
  const auto fill = [&]<class M>() {
    kernels::axpby<M>(kernels::Exec{}, view1<M>(target), static_cast<M>(1 / config_.scale), view1<const M>(image), 0);
    if (config_.norm_pixels)
      kernels::standardise_rows<M>(kernels::Exec{}, view3<M>(target), view3<const M>(target), kPixelEps);
  };
  target.dtype() == DType::kF64 ? fill.operator()<double>() : fill.operator()<float>();
  return target;
}

Output BrainLmVitMae::forward(Tape& tape, const Var& x, const Pass& pass) {
  const std::int64_t batch = x.shape()[0];
  BRAINMT_CHECK(x.shape() == input_shape(batch), "input {}, expected {}", x.shape().str(), input_shape(batch).str());
  make_constants();
  const bool masked = (pass.want & kReconstruction) != 0;
  const MaskDraws draws(draws_of(*this, pass, batch), config_.tokens(), masked);
  const Var latent = encode(tape, x, draws, masked ? kept() : config_.tokens());

  Output result;
  const Var row = autograd::cls_row(tape, latent).reshaped({batch, config_.width[0]});
  result.embedding = in_master(row);
  if (modules_->head) result.prediction = (*modules_->head)(tape, row);
  if (pass.want & kTokens) result.tokens = latent.value();
  if ((pass.want & kMeanEmbedding) && !masked) result.mean_embedding = mean_over_tokens(latent.value(), data_tokens());
  if (!masked) return result;
  result.reconstruction = decode(tape, latent, draws);
  result.target = target_of(x.value());
  result.hidden = Tensor(x.shape(), DType::kF32);
  kernels::hidden_pixels(kernels::Exec{}, view3<float>(result.hidden), view2<const float>(draws.restore),
                         static_cast<std::size_t>(kept()), view1<const float>(rows_), canvas());
  return result;
}

}  // namespace brainmt::models
