#pragma once
// BrainMT (paper and published implementation; exact statement with checks in docs): 3-D convolutions per frame, tokens
// in temporal-first order, Mamba blocks (two-way by default), attention blocks that share one LayerNorm and one MLP,
// linear head on the CLS token. For comparisons, one linear map of cubes of voxels may stand for the convolutions.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/tape.hpp"
#include "nn/parameter.hpp"

namespace brainmt::models {

/// What makes tokens of a frame's voxels.
enum class Stem {
  kConv,  // the convolution stage
  kPatch  // one linear map of every cube of kPatchEdge voxels an edge: no convolution stage
};
inline constexpr std::int64_t kPatchEdge = 16;  // four halvings: as many places as the convolution stage gives

/// "conv", "patch": the values of model.stem.
std::string_view name_of(Stem stem);
std::optional<Stem> stem_named(std::string_view name);

struct BrainMTConfig {
  std::array<std::int64_t, 3> grid{91, 109, 91};  // X, Y, Z voxels
  std::int64_t frames = 200;                      // T
  Stem stem = Stem::kConv;
  std::int64_t embed_dim = 512;     // C, divisible by 8 and by num_heads
  std::array<int, 2> depth{12, 8};  // Mamba blocks, attention blocks
  int num_heads = 2;
  bool bidirectional = true;  // two-way mixer (the paper) or one-way (the published code)
  std::int64_t outputs = 1;
  double drop_path = 0.1;
  int state_dim = 16, conv_kernel = 4, expand = 2;
  bool recompute = false;         // per block: keep only block inputs, compute again in backward
  std::int64_t frame_chunk = 0;   // frames per pass of the stem; 0 chooses
  std::string conv_init = "he";   // he | kaiming_uniform (PyTorch's default, as published)
  std::string dt_init = "mamba";  // mamba | published (overwritten by accident there)
};

/// What a forward pass knows besides its input. DropPath draws are functions of (seed, step, sample, block).
struct ForwardContext {
  bool training = false;
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::vector<std::int64_t> samples{};  // [B] global number of each sample within the step
  Tensor drop_path{};                   // what drop_path_factors() gives, in the device's memory, instead of the three
};

struct BrainMTOutput {
  autograd::Var output;         // [B, outputs] master type
  autograd::Var cls_embedding;  // [B, C] CLS row after the last block, master type
  Tensor mean_embedding;        // [B, C] mean of all other tokens; only when asked for
  Tensor tokens;                // [B, L, C] all rows after the last block, master type; only when asked for
};

/// The embedding of each frame: [B, T, C], means over the places, of `tokens` [B, 1 + P*T, C].
Tensor frame_embeddings(const Tensor& tokens, std::int64_t frames);

class BrainMT {
 public:
  /// Parameters are allocated, values zero: call initialise() or load weights. kSizesOnly allocates nothing: to
  /// describe a model where there is no device. Throws UsageError for impossible sizes.
  enum class Memory { kAllocate, kSizesOnly };
  BrainMT(const BrainMTConfig& config, DType activation, Memory memory = Memory::kAllocate);
  ~BrainMT();

  const BrainMTConfig& config() const { return config_; }
  nn::ParameterStore& parameters() { return store_; }
  std::int64_t places() const;                                           // P, tokens per frame
  std::int64_t tokens() const { return 1 + places() * config_.frames; }  // L
  std::int64_t frame_chunk() const;                                      // frames per pass of the stem
  /// Initial values as in the design; a function of the seed and each parameter's name only.
  void initialise(std::uint64_t seed);

  /// DropPath's factors for the samples of a training pass, [places, B]; empty where the model has none.
  std::vector<float> drop_path_factors(const ForwardContext& context) const;
  /// x: [B, T, Y, X, Z] in the activation type (Y before X, as published). With `all_tokens` the last attention block
  /// computes every row (needed for the mean embedding and for frames), otherwise only CLS: the same output either way.
  BrainMTOutput forward(autograd::Tape& tape, const autograd::Var& x, const ForwardContext& context,
                        bool all_tokens = false);

 private:
  struct Modules;
  BrainMTConfig config_;
  nn::ParameterStore store_;
  std::unique_ptr<Modules> modules_;
};

}  // namespace brainmt::models
