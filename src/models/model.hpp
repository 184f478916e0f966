#pragma once
// Interface of a model for training, evaluation, embedding, sweeps and benchmarks: input, outputs, cost. Families
// implement Model (brainmt.cpp, ...); registry.cpp lists them.
#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "autograd/tape.hpp"
#include "models/series_normalization.hpp"
#include "nn/parameter.hpp"

namespace brainmt::config {
class Config;
}

namespace brainmt::models {

enum class InputKind {
  kVolumes,      // [T, Y, X, Z] frames of a scan
  kParcels,      // [P, T] mean series of parcels
  kConnectivity  // [P, P] one matrix of a scan
};

/// "volumes", "parcels" or "connectivity".
std::string_view name_of(InputKind kind);

/// One sample; the batch comes in front.
struct InputSpec {
  InputKind kind = InputKind::kVolumes;
  Shape sample;
  std::int64_t frames = 0;              // T of a window; 0: the whole scan
  SharedNormalization normalization{};  // of parcels; null: as they are
};

/// Sizes of a model that the data determine.
struct DataSpec {
  std::array<std::int64_t, 3> grid{};        // X, Y, Z voxels, of volumes
  std::int64_t parcels = 0;                  // P, of parcels and connectivity
  std::vector<std::array<double, 3>> xyz{};  // [P] centroids in mm, of parcels
  SharedNormalization normalization{};       // of parcels
  std::int64_t outputs = 1;                  // K, one for each target
};

/// Extra outputs of a forward pass; the prediction and the embedding are always there.
enum Want : unsigned {
  kMeanEmbedding = 1,
  kTokens = 2,
  kReconstruction = 4  // hides a part of the input and predicts it; without it nothing is hidden
};

/// Context of a forward pass. Random factors are functions of (seed, step, sample).
struct Pass {
  bool training = false;
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::vector<std::int64_t> samples{};  // [B] number of each sample within the global batch
  Tensor draws{};                       // what draws() gives, in device memory, instead of the three above
  unsigned want = 0;
};

struct Output {
  autograd::Var prediction;  // [B, K] master type: logits, or scaled values
  autograd::Var embedding;   // [B, C] what the head reads, master type
  Tensor mean_embedding;     // [B, C] mean of all tokens but CLS; with kMeanEmbedding
  Tensor tokens;             // [B, L, C] all rows after the last block; with kTokens
  // With kReconstruction, each [B, sample]:
  autograd::Var reconstruction{};  // master type
  Tensor target{};                 // what it should be, master type
  Tensor hidden{};                 // float: 1 where the value was hidden and counts, else 0
  bool absolute_error = false;     // the family's loss is |error|, not its square
};

/// Of `batch` samples. An addition and a multiplication count as two operations.
struct Cost {
  double forward_flops = 0;
  double training_flops = 0;    // forward and backward, without recomputation
  double activation_bytes = 0;  // kept between forward and backward
};

/// Parameters that may differ when training starts from another model's weights.
struct TransferRules {
  std::vector<std::string> head{};       // parameters that depend on the targets: left out where they do not fit
  std::vector<std::string> by_frame{};   // tables [1, T, C]: interpolated along T
  std::vector<std::string> free_keys{};  // model.* keys that say how to train, not what the weights compute
};

/// A table of published weights that no training changes: computed, in files that are given away only.
struct FixedTable {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

class Model {
 public:
  /// kSizesOnly allocates nothing: to describe a model where there is no device.
  enum class Memory { kAllocate, kSizesOnly };

  explicit Model(DType activation) : store_(activation) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  virtual InputSpec input() const = 0;
  virtual std::int64_t outputs() const = 0;          // K
  virtual std::int64_t embedding_width() const = 0;  // C
  /// The sizes that decide which weights fit, as metadata of a weights file; registry.hpp makes a model of it.
  virtual nlohmann::json describe() const = 0;
  /// "brainmt-two-way-c512-m12-a8-t200": the identifier of the architecture in files of embeddings.
  virtual std::string id() const = 0;
  /// Metadata of the architecture for files of embeddings, besides describe().
  virtual nlohmann::ordered_json embedding_facts() const = 0;
  /// Sizes that follow from the configuration, for people: name and value.
  virtual std::vector<std::pair<std::string, std::string>> facts() const = 0;
  virtual Cost cost(std::int64_t batch) const = 0;
  /// Takes keys that change speed or memory and no result, where `config` has them.
  virtual void tune(const config::Config&) {}
  virtual TransferRules transfer_rules() const = 0;
  virtual std::vector<FixedTable> fixed_tables() const { return {}; }
  /// Mean embedding of each frame, [B, T, C], of `tokens` [B, L, C]. Throws UsageError where tokens have no frames.
  virtual Tensor frame_embeddings(const Tensor& tokens) const;

  /// Random factors of a training pass, or masks of one with kReconstruction, [branches, B]; empty where the family has
  /// none. Without training, masks do not depend on the step.
  virtual std::vector<float> draws(const Pass&) const { return {}; }
  /// How many values of each sample of a pass with kReconstruction count; empty where the family reconstructs nothing.
  virtual std::vector<double> hidden_values(const Pass&) const { return {}; }
  /// x: [B, sample] in the activation type.
  virtual Output forward(autograd::Tape& tape, const autograd::Var& x, const Pass& pass) = 0;

  nn::ParameterStore& parameters() { return store_; }
  const nn::ParameterStore& parameters() const { return store_; }
  /// Initial values: a function of the seed and each parameter's name only.
  void initialise(std::uint64_t seed) { store_.initialise(seed); }
  /// [batch, sample]
  Shape input_shape(std::int64_t batch) const;

 protected:
  nn::ParameterStore store_;
};

}  // namespace brainmt::models
