#pragma once
// BrainLM (Ortega Caro et al. 2024), the variant on parcel tokens: a masked autoencoder of series x [V, T].
//   token (v, j)    W_s x[v, j p .. (j + 1) p - 1] + b_s + W_x xyz_v + b_x + time[j],   token v T/p + j; dropout
//   sequence        class row, then the tokens that are kept (models/masking.hpp)
//   layer           a = LN(x + W_o ctx),  x' = LN(a + W_2 gelu(W_1 a)),  ctx = softmax(q k^T / sqrt(d_h)) v + filter(v)
//   decoder         linear map, mask tokens in place of the hidden ones, coordinates and time again, layers, LN,
//                   W_2 leaky(W_1 h): the p values of each token
// Exact attention, as in every published model; with landmarks != landmark_tokens the one of kernels/landmarks.hpp.
// Parameters as published, with decoder.decoder_pred, which nothing uses.
#include <array>
#include <functional>
#include <memory>

#include "models/masking.hpp"
#include "models/registry.hpp"

namespace brainmt::models {

struct BrainLmConfig {
  std::vector<std::array<double, 3>> xyz{};  // [V] mm
  SharedNormalization normalization{};
  std::int64_t frames = 200, patch_frames = 20;     // T, p
  std::int64_t embed_dim = 512;                     // d of encoder and decoder
  std::array<int, 2> depth{4, 2}, num_heads{4, 4};  // encoder, decoder
  std::array<std::int64_t, 2> ffn{1024, 1024};
  int filter_taps = 65;
  std::int64_t landmarks = 64, landmark_tokens = 64;
  double norm_eps = 1e-12;
  double dropout = 0.1;         // of tokens, before encoder and decoder
  double hidden_dropout = 0.0;  // of both dense outputs of a layer
  double mask_ratio = 0.2;
  bool absolute_loss = false;  // mean absolute error, not squared
  bool tanh_decoder = false;
  double xyz_scale = 1.0;          // coordinates are multiplied by it
  std::int64_t unused_rows = 768;  // of decoder.decoder_pred
  std::int64_t outputs = 0;        // of the published head; 0: none
  bool recompute = false;

  std::int64_t parcels() const { return std::ssize(xyz); }
  std::int64_t tokens() const { return parcels() * (frames / patch_frames); }  // N
};

// The family's row (registry.hpp).
config::ModelKeys brainlm_keys();
std::unique_ptr<Model> make_brainlm(const config::Config& keys, const DataSpec& data, DType activation,
                                    Model::Memory memory);
std::string brainlm_hint(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                         const std::vector<std::string>& misshapen);

/// The same; throws UsageError for impossible sizes.
BrainLmConfig checked(const BrainLmConfig& config);

/// time[j, 2i] = sin(j w_i), time[j, 2i + 1] = cos(j w_i), w_i = 10000^(-2i/d): [rows, d], in double, then float.
std::vector<float> time_table(std::int64_t rows, std::int64_t width);

/// Called with "encoder/input", "encoder/0", ..., "decoder/input", ... and what each gave, for tests and inspection.
using LayerObserver = std::function<void(const std::string& name, const Tensor& value)>;

class BrainLm final : public Model {
 public:
  /// Throws UsageError for impossible sizes.
  BrainLm(const BrainLmConfig& config, DType activation, Memory memory = Memory::kAllocate);
  ~BrainLm() override;

  const BrainLmConfig& config() const { return config_; }
  std::int64_t kept() const;  // tokens that a pass with kReconstruction keeps

  InputSpec input() const override;
  std::int64_t outputs() const override { return config_.outputs; }
  std::int64_t embedding_width() const override { return config_.embed_dim; }
  nlohmann::json describe() const override;
  std::string id() const override;
  nlohmann::ordered_json embedding_facts() const override;
  std::vector<std::pair<std::string, std::string>> facts() const override;
  Cost cost(std::int64_t batch) const override;
  TransferRules transfer_rules() const override;
  /// The time tables, 5,000 rows as published.
  std::vector<FixedTable> fixed_tables() const override;

  /// Masks where kReconstruction is wanted, and keys of dropout in training.
  std::vector<float> draws(const Pass& pass) const override;
  std::vector<double> hidden_values(const Pass& pass) const override;
  /// The embedding is the class row after the last norm.
  Output forward(autograd::Tape& tape, const autograd::Var& x, const Pass& pass) override;

  void observe(LayerObserver observer) { observer_ = std::move(observer); }
  /// Instead of time_table(): [T/p, d], as a file has it.
  void set_time_table(const Tensor& table) { time_ = table.to(store_.master_dtype()); }

 private:
  struct Modules;
  autograd::Var encode(autograd::Tape& tape, const autograd::Var& x, const MaskDraws& draws, std::int64_t kept) const;
  autograd::Var decode(autograd::Tape& tape, const autograd::Var& latent, const MaskDraws& draws) const;
  void make_constants();  // in device memory, at the first pass
  void check_length(std::int64_t rows) const;

  BrainLmConfig config_;
  std::unique_ptr<Modules> modules_;
  Tensor xyz_, time_;  // [V, 3], [T/p, d], master type
  LayerObserver observer_;
};

}  // namespace brainmt::models
