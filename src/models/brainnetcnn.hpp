#pragma once
// BrainNetCNN (Kawahara et al. 2017; layers and names as in the PyTorch port that BrainNetworkTransformer carries) on a
// connectivity matrix x [K, K] of one channel:
//   edge-edge    h[o,i,j] = sum over c,m of (w1[o,c,m] x[c,i,m] + w2[o,c,m] x[c,m,j]) + b1[o] + b2[o]     twice
//   edge-node    h[o,i]   = sum over c,m of w[o,c,m] x[c,i,m] + b[o]
//   node-graph   h[o]     = sum over c,i of w[o,c,i] x[c,i] + b[o]
//   dense        twice, then the outputs
// each followed by a leaky ReLU; dropout after node-graph and the two dense layers, in training only (the port never
// switches it off).
#include <array>
#include <memory>

#include "models/registry.hpp"

namespace brainmt::models {

struct BrainNetCnnConfig {
  std::int64_t nodes = 0;                   // K
  std::array<std::int64_t, 2> e2e{32, 64};  // channels of the edge-edge layers
  std::int64_t e2n = 1;                     // of edge-node
  std::int64_t n2g = 256;                   // of node-graph
  std::array<std::int64_t, 2> dense{128, 30};
  double slope = 0.33;  // of the leaky ReLUs
  double dropout = 0.5;
  bool leaky_head = false;  // also on the outputs, as the port has it
  std::int64_t outputs = 1;
};

// The family's row (registry.hpp).
config::ModelKeys brainnetcnn_keys();
std::unique_ptr<Model> make_brainnetcnn(const config::Config& keys, const DataSpec& data, DType activation,
                                        Model::Memory memory);

class BrainNetCnn final : public Model {
 public:
  /// Throws UsageError for fewer than two nodes.
  BrainNetCnn(const BrainNetCnnConfig& config, DType activation, Memory memory = Memory::kAllocate);
  ~BrainNetCnn() override;

  InputSpec input() const override;
  std::int64_t outputs() const override { return config_.outputs; }
  std::int64_t embedding_width() const override { return config_.dense[1]; }
  nlohmann::json describe() const override;
  std::string id() const override;
  nlohmann::ordered_json embedding_facts() const override;
  std::vector<std::pair<std::string, std::string>> facts() const override;
  Cost cost(std::int64_t batch) const override;
  TransferRules transfer_rules() const override {
    return {.head = {"dense3.weight", "dense3.bias"}, .free_keys = {"model.dropout"}};
  }
  /// Dropout factors, a row for each feature of the three layers.
  std::vector<float> draws(const Pass& pass) const override;
  /// The embedding is what the last dense layer reads.
  Output forward(autograd::Tape& tape, const autograd::Var& x, const Pass& pass) override;

 private:
  struct Modules;
  std::int64_t dropped_features() const { return config_.n2g + config_.dense[0] + config_.dense[1]; }
  BrainNetCnnConfig config_;
  std::unique_ptr<Modules> modules_;
};

}  // namespace brainmt::models
