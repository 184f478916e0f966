#pragma once
// BrainMT (paper and published implementation; exact statement with checks in docs): 3-D convolutions per frame, tokens
// in temporal-first order, Mamba blocks (two-way by default), attention blocks that share one LayerNorm and one MLP,
// linear head on the CLS token. For comparisons, one linear map of cubes of voxels can replace the convolutions.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.hpp"
#include "models/model.hpp"

namespace brainmt::models {

/// Stem: frame to tokens.
enum class Stem {
  kConv,  // the convolution stage
  kPatch  // one linear map of every cube of kPatchEdge voxels an edge: no convolution stage
};
inline constexpr std::int64_t kPatchEdge = 16;  // four halvings: as many patches as the convolution stage gives

std::string_view name_of(Stem stem);  // "conv", "patch": the values of model.stem

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

/// The same; throws UsageError for impossible sizes.
BrainMTConfig checked(const BrainMTConfig& config);
/// From the keys model.* and the data.
BrainMTConfig brainmt_config(const config::Config& keys, const DataSpec& data);

// The family's row (registry.hpp).
config::ModelKeys brainmt_keys();
std::unique_ptr<Model> make_brainmt(const config::Config& keys, const DataSpec& data, DType activation,
                                    Model::Memory memory);
std::string brainmt_hint(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                         const std::vector<std::string>& misshapen);

class BrainMT : public Model {
 public:
  /// Parameters are allocated, values zero: call initialise() or load weights. Throws UsageError for impossible sizes.
  BrainMT(const BrainMTConfig& config, DType activation, Memory memory = Memory::kAllocate);
  ~BrainMT() override;

  const BrainMTConfig& config() const { return config_; }
  std::int64_t patches() const;                                           // P, tokens per frame
  std::int64_t tokens() const { return 1 + patches() * config_.frames; }  // L
  std::int64_t frame_chunk() const;                                       // frames per pass of the stem

  /// [T, Y, X, Z] (Y before X, as published).
  InputSpec input() const override;
  std::int64_t outputs() const override { return config_.outputs; }
  std::int64_t embedding_width() const override { return config_.embed_dim; }
  nlohmann::json describe() const override;
  std::string id() const override;
  nlohmann::ordered_json embedding_facts() const override;
  std::vector<std::pair<std::string, std::string>> facts() const override;
  Cost cost(std::int64_t batch) const override;
  void tune(const config::Config& config) override;
  Tensor frame_embeddings(const Tensor& tokens) const override;
  TransferRules transfer_rules() const override {
    return {
        .head = {"head.weight", "head.bias"}, .by_frame = {"temporal_pos_embedding"}, .free_keys = {"model.drop_path"}};
  }

  /// DropPath factors.
  std::vector<float> draws(const Pass& pass) const override;
  /// With kTokens or kMeanEmbedding the last attention block computes every row, otherwise only CLS: the same
  /// prediction and embedding (the CLS row after the last block) either way.
  Output forward(autograd::Tape& tape, const autograd::Var& x, const Pass& pass) override;

 private:
  struct Modules;
  BrainMTConfig config_;
  std::unique_ptr<Modules> modules_;
};

}  // namespace brainmt::models
