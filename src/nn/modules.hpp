#pragma once
// Modules: a few parameters and the call that uses them. A module declares its parameters in the store under the
// published names and is called with a tape; it holds no activations.
#include <string>
#include <vector>

#include "autograd/ops.hpp"
#include "autograd/tape.hpp"
#include "nn/parameter.hpp"

namespace brainmt::nn {

using autograd::Tape;
using autograd::Var;

/// Where a module's parameters go: the store, the name in front of theirs, and their depth (Parameter::layer).
struct Scope {
  ParameterStore& store;
  std::string prefix;
  int layer = 0;

  Scope in(const std::string& name) const { return {store, prefix + name + ".", layer}; }
  /// Weight decay applies to weights of two and more axes, unless `decay` says otherwise.
  Parameter& declare(const std::string& name, Shape shape, Initialiser init) const;
  Parameter& declare(const std::string& name, Shape shape, Initialiser init, bool decay) const;
};

struct Linear {
  autograd::Affine affine;

  Linear(const Scope& scope, std::int64_t in, std::int64_t out, bool bias, Initialiser weight_init);
  Var operator()(Tape& tape, const Var& x) const { return autograd::linear(tape, x, affine, x.dtype()); }
};

/// Kernel 3, padding 1, channels last.
struct Conv3d {
  Parameter* weight;
  Parameter* bias = nullptr;
  dnn::Conv3dOptions options;

  Conv3d(const Scope& scope, std::int64_t in, std::int64_t out, int stride, bool bias, bool relu,
         const std::string& init);
  Var operator()(Tape& tape, const Var& x) const { return autograd::conv3d(tape, x, *weight, bias, options); }
};

/// One linear map of every cube of `edge` voxels an edge; parameters as those of a Conv3d of that kernel and stride.
struct PatchProjection {
  Parameter *weight, *bias;

  PatchProjection(const Scope& scope, std::int64_t edge, std::int64_t width, const std::string& init);
  Var operator()(Tape& tape, const Var& x) const { return autograd::patch_projection(tape, x, *weight, *bias); }
};

struct LayerNorm {
  static constexpr double kEps = 1e-5;
  Parameter *weight, *bias;
  DType out;  // activation type
  double eps;

  LayerNorm(const Scope& scope, std::int64_t width, double eps = kEps);
  Var operator()(Tape& tape, const Var& x) const { return autograd::layer_norm(tape, x, *weight, *bias, eps, out); }
};

struct RmsNorm {
  static constexpr double kEps = 1e-5;
  Parameter* weight;

  RmsNorm(const Scope& scope, std::int64_t width);
  Var operator()(Tape& tape, const Var& x, DType out) const { return autograd::rms_norm(tape, x, *weight, kEps, out); }
};

/// x + LN(conv(gelu_tanh(LN(conv(x)))))
struct ConvBlock {
  Conv3d conv1;
  LayerNorm norm1;
  Conv3d conv2;
  LayerNorm norm2;

  ConvBlock(const Scope& scope, std::int64_t width, const std::string& init);
  Var operator()(Tape& tape, const Var& x) const;
};

struct MambaMixerSizes {
  std::int64_t width;                   // C
  std::int64_t state = 16, kernel = 4;  // N, K
  std::int64_t expand = 2;              // E = expand * C
  bool bidirectional = true;
  bool published_dt_init = false;  // dt_proj redrawn as in the published code; for comparison only
  double weight_std = 0.02;
  double out_scale = 1.0;  // 1 / sqrt(number of blocks)

  std::int64_t inner() const { return expand * width; }
  std::int64_t dt_rank() const { return (width + 15) / 16; }
};

struct MambaMixer {
  Linear in_proj;
  std::vector<autograd::MixerDirection> directions;
  Linear out_proj;

  MambaMixer(const Scope& scope, const MambaMixerSizes& sizes);
  Var operator()(Tape& tape, const Var& x) const;
};

struct Attention {
  Linear qkv, proj;
  std::int64_t width;
  int heads;

  Attention(const Scope& scope, std::int64_t width, int heads, double weight_std);
  /// Rows of `queries` [B, Lq, C] attend to all rows of `x` [B, L, C] (the same Var for self-attention of every row).
  Var operator()(Tape& tape, const Var& queries, const Var& x) const;
};

/// fc2(gelu(fc1(x))), GELU exact unless Settings::tanh_gelu says otherwise.
struct Mlp {
  Linear fc1, fc2;

  Mlp(const Scope& scope, std::int64_t width, std::int64_t hidden, double weight_std, double out_scale);
  Var operator()(Tape& tape, const Var& x) const;
};

}  // namespace brainmt::nn
