#include "nn/modules.hpp"

#include <cmath>

#include "nn/init.hpp"

namespace brainmt::nn {

using kernels::Activation;

Parameter& Scope::declare(const std::string& name, Shape shape, Initialiser init) const {
  return declare(name, shape, std::move(init), /*decay=*/shape.rank() > 1);
}

Parameter& Scope::declare(const std::string& name, Shape shape, Initialiser init, bool decay) const {
  return store.declare(prefix + name, shape, decay, layer, std::move(init));
}

Linear::Linear(const Scope& scope, std::int64_t in, std::int64_t out, bool bias, Initialiser weight_init) {
  affine.weight = &scope.declare("weight", {out, in}, std::move(weight_init));
  if (bias) affine.bias = &scope.declare("bias", {out}, init::constant(0));
}

namespace {

Initialiser initial_kernel(const std::string& init, std::int64_t fan_in) {
  return init == "he" ? init::he_normal(fan_in) : init::kaiming_uniform(fan_in);
}

}  // namespace

Conv3d::Conv3d(const Scope& scope, std::int64_t in, std::int64_t out, int stride, bool with_bias, bool relu,
               const std::string& init)
    : options{stride, /*padding=*/1, relu} {
  weight = &scope.declare("weight", {out, in, 3, 3, 3}, initial_kernel(init, in * 27));
  if (with_bias) bias = &scope.declare("bias", {out}, init::constant(0));
}

PatchProjection::PatchProjection(const Scope& scope, std::int64_t edge, std::int64_t width, const std::string& init)
    : weight(&scope.declare("weight", {width, 1, edge, edge, edge}, initial_kernel(init, edge * edge * edge))),
      bias(&scope.declare("bias", {width}, init::constant(0))) {}

LayerNorm::LayerNorm(const Scope& scope, std::int64_t width, double variance_eps)
    : weight(&scope.declare("weight", {width}, init::constant(1))),
      bias(&scope.declare("bias", {width}, init::constant(0))),
      out(scope.store.activation_dtype()),
      eps(variance_eps) {}

RmsNorm::RmsNorm(const Scope& scope, std::int64_t width)
    : weight(&scope.declare("weight", {width}, init::constant(1))) {}

ConvBlock::ConvBlock(const Scope& scope, std::int64_t width, const std::string& init)
    : conv1(scope.in("conv1"), width, width, 1, true, false, init),
      norm1(scope.in("norm1"), width),
      conv2(scope.in("conv2"), width, width, 1, true, false, init),
      norm2(scope.in("norm2"), width) {}

Var ConvBlock::operator()(Tape& tape, const Var& x) const {
  Var h = norm1(tape, conv1(tape, x));
  h = conv2(tape, autograd::activation(tape, h, Activation::kGeluTanh));
  return autograd::add(tape, x, norm2(tape, h));
}

namespace {

autograd::MixerDirection mixer_direction(const Scope& scope, const MambaMixerSizes& s, kernels::Direction direction) {
  const bool reverse = direction == kernels::Direction::kReverse;
  const std::string tail = reverse ? "_b" : "";
  const std::int64_t inner = s.inner(), rank = s.dt_rank();
  autograd::MixerDirection p;
  p.direction = direction;
  const Scope conv = scope.in("conv1d" + tail), dt = scope.in("dt_proj" + tail);
  // PyTorch's default for a depthwise convolution: one input channel, K taps.
  p.conv_weight = &conv.declare("weight", {inner, 1, s.kernel}, init::kaiming_uniform(s.kernel));
  p.conv_bias = &conv.declare("bias", {inner}, init::kaiming_uniform(s.kernel));
  p.x_proj =
      &scope.in("x_proj" + tail).declare("weight", {rank + 2 * s.state, inner}, init::truncated_normal(s.weight_std));
  const double dt_bound = 1.0 / std::sqrt(static_cast<double>(rank));
  p.dt_weight = &dt.declare("weight", {inner, rank},
                            s.published_dt_init ? init::truncated_normal(s.weight_std) : init::uniform(dt_bound));
  p.dt_bias = &dt.declare("bias", {inner}, s.published_dt_init ? init::constant(0) : init::dt_bias());
  p.a_log = &scope.declare(reverse ? "A_b_log" : "A_log", {inner, s.state}, init::a_log(s.state), /*decay=*/false);
  p.d = &scope.declare("D" + tail, {inner}, init::constant(1));
  return p;
}

}  // namespace

MambaMixer::MambaMixer(const Scope& scope, const MambaMixerSizes& s)
    : in_proj(scope.in("in_proj"), s.width, 2 * s.inner(), false, init::truncated_normal(s.weight_std)),
      directions{mixer_direction(scope, s, kernels::Direction::kForward)},
      out_proj(scope.in("out_proj"), s.inner(), s.width, false, init::kaiming_uniform(s.inner(), s.out_scale)) {
  if (s.bidirectional) directions.push_back(mixer_direction(scope, s, kernels::Direction::kReverse));
}

Var MambaMixer::operator()(Tape& tape, const Var& x) const {
  return out_proj(tape, autograd::mixer_scan(tape, in_proj(tape, x), directions));
}

Attention::Attention(const Scope& scope, std::int64_t model_width, int head_count, double weight_std)
    : qkv(scope.in("qkv"), model_width, 3 * model_width, true, init::truncated_normal(weight_std)),
      proj(scope.in("proj"), model_width, model_width, true, init::truncated_normal(weight_std)),
      width(model_width),
      heads(head_count) {}

Var Attention::operator()(Tape& tape, const Var& queries, const Var& x) const {
  const Var q = autograd::linear(tape, queries, qkv.affine.outputs(0, width), x.dtype());
  const Var kv = autograd::linear(tape, x, qkv.affine.outputs(width, 3 * width), x.dtype());
  return proj(tape, autograd::attention(tape, q, kv, heads));
}

Mlp::Mlp(const Scope& scope, std::int64_t width, std::int64_t hidden, double weight_std, double out_scale)
    : fc1(scope.in("fc1"), width, hidden, true, init::truncated_normal(weight_std)),
      fc2(scope.in("fc2"), hidden, width, true, init::kaiming_uniform(hidden, out_scale)) {}

Var Mlp::operator()(Tape& tape, const Var& x) const {
  return autograd::linear_gelu_linear(tape, x, fc1.affine, fc2.affine);
}

}  // namespace brainmt::nn
