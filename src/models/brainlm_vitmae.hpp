#pragma once
// BrainLM, the variant on images (ViT-MAE, He et al. 2022): series x [V, T] as an image of three equal channels.
//   image      rows are parcels by ascending Y (ties by index), columns frames, x / scale, centred on a square canvas
//              that is -1 elsewhere (kernels/image.hpp), in patches of p x p pixels
//   encoder    linear map + fixed table, tokens that are kept (models/masking.hpp), class row in front; pre-norm layers
//              x += W_o attention(LN x), x += W_2 gelu(W_1 LN x); LN
//   decoder    linear map, mask tokens in place of the hidden ones, fixed table, layers, LN, linear map to p p 3 values
//   loss       squared error over the hidden pixels of the image of the mean over channels; padding never counts
// Parameters as published; the fixed tables are none.
#include <array>

#include "kernels/image.hpp"
#include "models/brainlm.hpp"

namespace brainmt::models {

/// What reconstruction hides: patches by noise, or the last frames of the window.
enum class Hide {
  kNoise,
  kLast,      // whole columns of patches
  kLastPixel  // the same up to the frame: those in a column that is kept are shown as 0
};

struct BrainLmVitMaeConfig {
  std::vector<std::array<double, 3>> xyz{};  // [V] mm
  SharedNormalization normalization{};
  std::int64_t frames = 200;  // T
  std::int64_t image_size = 432, patch_size = 16;
  std::array<std::int64_t, 2> width{768, 512};  // encoder d, decoder e: multiples of 4
  std::array<int, 2> depth{12, 8}, num_heads{12, 16};
  std::array<std::int64_t, 2> ffn{3072, 2048};
  double norm_eps = 1e-12;
  bool qkv_bias = true;
  bool norm_pixels = false;  // the target is z-scored per parcel over the window
  double mask_ratio = 0.75;
  Hide hide = Hide::kNoise;
  double scale = 5.6430855;  // the series are divided by it
  std::int64_t outputs = 0;  // of the published head; 0: none
  bool recompute = false;

  std::int64_t parcels() const { return std::ssize(xyz); }
  std::int64_t side() const { return image_size / patch_size; }
  std::int64_t tokens() const { return side() * side(); }  // N
};

// The family's row (registry.hpp).
config::ModelKeys brainlm_vitmae_keys();
std::unique_ptr<Model> make_brainlm_vitmae(const config::Config& keys, const DataSpec& data, DType activation,
                                           Model::Memory memory);
std::string brainlm_vitmae_hint(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                                const std::vector<std::string>& misshapen);

/// The same; throws UsageError for impossible sizes.
BrainLmVitMaeConfig checked(const BrainLmVitMaeConfig& config);

/// Fixed positions of a class row (0) and side x side patches: [1 + side^2, width]. The first half of a row is from the
/// column, the second from the row, each [sin(n w_i).., cos(n w_i)..], w_i = 10000^(-4 i / width). In double, then
/// float.
std::vector<float> position_table(std::int64_t side, std::int64_t width);

class BrainLmVitMae final : public Model {
 public:
  /// Throws UsageError for impossible sizes.
  BrainLmVitMae(const BrainLmVitMaeConfig& config, DType activation, Memory memory = Memory::kAllocate);
  ~BrainLmVitMae() override;

  const BrainLmVitMaeConfig& config() const { return config_; }
  std::int64_t kept() const;  // tokens that a pass with kReconstruction keeps
  /// The parcel of each row of the image.
  const std::vector<std::int64_t>& parcel_order() const { return order_; }
  /// Tokens whose patch holds data.
  std::vector<std::int64_t> data_tokens() const;

  InputSpec input() const override;
  std::int64_t outputs() const override { return config_.outputs; }
  std::int64_t embedding_width() const override { return config_.width[0]; }
  nlohmann::json describe() const override;
  std::string id() const override;
  nlohmann::ordered_json embedding_facts() const override;
  std::vector<std::pair<std::string, std::string>> facts() const override;
  Cost cost(std::int64_t batch) const override;
  TransferRules transfer_rules() const override;
  std::vector<FixedTable> fixed_tables() const override;

  std::vector<float> draws(const Pass& pass) const override;
  std::vector<double> hidden_values(const Pass& pass) const override;
  /// The embedding is the class row, the mean embedding that of tokens with data.
  Output forward(autograd::Tape& tape, const autograd::Var& x, const Pass& pass) override;

  void observe(LayerObserver observer) { observer_ = std::move(observer); }

 private:
  struct Modules;
  autograd::Var encode(autograd::Tape& tape, const autograd::Var& x, const MaskDraws& draws, std::int64_t kept) const;
  autograd::Var decode(autograd::Tape& tape, const autograd::Var& latent, const MaskDraws& draws) const;
  void make_constants();  // in device memory, at the first pass
  Tensor target_of(const Tensor& x) const;
  std::vector<std::vector<std::int64_t>> orders(const Pass& pass) const;
  std::int64_t first_hidden_column() const;
  kernels::Canvas canvas() const;

  BrainLmVitMaeConfig config_;
  std::vector<std::int64_t> order_;
  std::unique_ptr<Modules> modules_;
  Tensor rows_;                        // [V] float: order_
  Tensor class_position_, positions_;  // [d], [N, d] of the encoder, master type
  Tensor decoder_positions_;           // [1 + N, e]
  LayerObserver observer_;
};

}  // namespace brainmt::models
