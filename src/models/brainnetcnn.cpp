#include "models/brainnetcnn.hpp"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "autograd/ops.hpp"
#include "base/philox.hpp"
#include "nn/init.hpp"
#include "nn/modules.hpp"

namespace brainmt::models {

using autograd::Tape;
using autograd::Var;
using nn::Scope;

namespace {

constexpr std::uint32_t kDropoutStream = 0x200;

// A filter over whole rows: weight [out, in...], bias [out]; PyTorch's default initial values.
autograd::Affine filter(const Scope& scope, const Shape& weight) {
  const std::int64_t fan_in = weight.count() / weight[0];
  return {.weight = &scope.declare("weight", weight, nn::init::kaiming_uniform(fan_in)),
          .bias = &scope.declare("bias", {weight[0]}, nn::init::kaiming_uniform(fan_in))};
}

struct EdgeToEdge {
  autograd::Affine rows, columns;

  EdgeToEdge(const Scope& s, std::int64_t in, std::int64_t out, std::int64_t nodes)
      : rows(filter(s.in("cnn1"), {out, in, 1, nodes})), columns(filter(s.in("cnn2"), {out, in, nodes, 1})) {}

  // x [B, K, C, K] to [B, K, out, K].
  Var operator()(Tape& tape, const Var& x) const {
    const Shape& s = x.shape();
    const Shape flat{s[0], s[1], s[2] * s[3]};
    const Var of_rows = autograd::linear(tape, x.reshaped(flat), rows, x.dtype());
    const Var of_columns = autograd::linear(tape, autograd::swap_nodes(tape, x).reshaped(flat), columns, x.dtype());
    return autograd::outer_sum(tape, of_rows, of_columns);
  }
};

BrainNetCnnConfig checked(const BrainNetCnnConfig& c) {
  if (c.nodes < 2)
    throw UsageError(fmt::format(
        "model.family=brainnetcnn: expected 2 or more regions, found {}: give their number as parcels=", c.nodes));
  return c;
}

std::array<std::int64_t, 2> pair_of(const config::Config& keys, std::string_view name) {
  const auto list = keys.get<std::vector<std::int64_t>>(name);
  return {list.at(0), list.at(1)};
}

}  // namespace

struct BrainNetCnn::Modules {
  EdgeToEdge edges1, edges2;
  autograd::Affine edge_to_node, node_to_graph, dense1, dense2, dense3;

  Modules(const Scope& s, const BrainNetCnnConfig& c)
      : edges1(s.in("e2econv1"), 1, c.e2e[0], c.nodes),
        edges2(s.in("e2econv2"), c.e2e[0], c.e2e[1], c.nodes),
        edge_to_node(filter(s.in("E2N"), {c.e2n, c.e2e[1], 1, c.nodes})),
        node_to_graph(filter(s.in("N2G"), {c.n2g, c.e2n, c.nodes, 1})),
        dense1(filter(s.in("dense1"), {c.dense[0], c.n2g})),
        dense2(filter(s.in("dense2"), {c.dense[1], c.dense[0]})),
        dense3(filter(s.in("dense3"), {c.outputs, c.dense[1]})) {}
};

config::ModelKeys brainnetcnn_keys() {
  using namespace config;
  return {
      .family = "brainnetcnn",
      .keys = {integers("model.e2e", {32, 64}, "channels of the two edge-to-edge layers").of_length(2).at_least(1),
               integer("model.e2n", 1, "channels of the edge-to-node layer").at_least(1),
               integer("model.n2g", 256, "features of the node-to-graph layer").at_least(1),
               integers("model.dense", {128, 30}, "features of the two dense layers").of_length(2).at_least(1),
               real("model.slope", 0.33, "slope of the leaky ReLUs below 0 (the paper has 1/3)").at_least(0),
               real("model.dropout", 0.5, "dropout after node-to-graph and the dense layers, in training only")
                   .at_least(0)
                   .at_most(0.99),
               boolean("model.leaky_head", false, "a leaky ReLU on the outputs too, as the published port has it")}};
}

std::unique_ptr<Model> make_brainnetcnn(const config::Config& keys, const DataSpec& data, DType activation,
                                        Model::Memory memory) {
  return std::make_unique<BrainNetCnn>(BrainNetCnnConfig{.nodes = data.parcels,
                                                         .e2e = pair_of(keys, "model.e2e"),
                                                         .e2n = keys.get<std::int64_t>("model.e2n"),
                                                         .n2g = keys.get<std::int64_t>("model.n2g"),
                                                         .dense = pair_of(keys, "model.dense"),
                                                         .slope = keys.get<double>("model.slope"),
                                                         .dropout = keys.get<double>("model.dropout"),
                                                         .leaky_head = keys.get<bool>("model.leaky_head"),
                                                         .outputs = data.outputs},
                                       activation, memory);
}

BrainNetCnn::BrainNetCnn(const BrainNetCnnConfig& config, DType activation, Memory memory)
    : Model(activation), config_(checked(config)), modules_(std::make_unique<Modules>(Scope{store_, ""}, config_)) {
  if (memory == Memory::kAllocate) store_.allocate();
}

BrainNetCnn::~BrainNetCnn() = default;

InputSpec BrainNetCnn::input() const { return {InputKind::kConnectivity, {config_.nodes, config_.nodes}, 0}; }

nlohmann::json BrainNetCnn::describe() const {
  const BrainNetCnnConfig& c = config_;
  return {{"family", "brainnetcnn"},
          {"parcels", c.nodes},
          {"outputs", c.outputs},
          {"e2e", c.e2e},
          {"e2n", c.e2n},
          {"n2g", c.n2g},
          {"dense", c.dense},
          {"slope", c.slope},
          {"dropout", c.dropout},
          {"leaky_head", c.leaky_head}};
}

std::string BrainNetCnn::id() const {
  const BrainNetCnnConfig& c = config_;
  return fmt::format("brainnetcnn-k{}-e{}-{}-n{}-g{}-d{}-{}", c.nodes, c.e2e[0], c.e2e[1], c.e2n, c.n2g, c.dense[0],
                     c.dense[1]);
}

nlohmann::ordered_json BrainNetCnn::embedding_facts() const {
  return {{"layer", "after the second dense layer, before the head; not normalised"}};
}

std::vector<std::pair<std::string, std::string>> BrainNetCnn::facts() const {
  return {{"nodes", fmt::format("{}: matrices of {} x {}", config_.nodes, config_.nodes, config_.nodes)}};
}

// Multiply-adds, each two operations; a backward pass costs twice the forward one.
Cost BrainNetCnn::cost(std::int64_t batch) const {
  const auto k = static_cast<double>(config_.nodes);
  const auto wide = [](std::int64_t n) { return static_cast<double>(n); };
  const double e0 = wide(config_.e2e[0]), e1 = wide(config_.e2e[1]), e2n = wide(config_.e2n), n2g = wide(config_.n2g);
  const double d0 = wide(config_.dense[0]), d1 = wide(config_.dense[1]);
  const double products = 2 * k * k * e0 + 2 * k * k * e0 * e1 + k * k * e1 * e2n + k * e2n * n2g + n2g * d0 + d0 * d1 +
                          d1 * wide(config_.outputs);
  const double values = k * k * (1 + 3 * e0 + 2 * e1) + k * (2 * e0 + 2 * e1 + 3 * e2n) + 3 * (n2g + d0 + d1);
  const auto samples = static_cast<double>(batch);
  return {.forward_flops = 2 * samples * products,
          .training_flops = 6 * samples * products,
          .activation_bytes = samples * values * static_cast<double>(size_of(store_.activation_dtype()))};
}

std::vector<float> BrainNetCnn::draws(const Pass& pass) const {
  if (!pass.training || config_.dropout == 0.0) return {};
  std::vector<float> factors;
  const auto kept = static_cast<float>(1.0 / (1.0 - config_.dropout));
  for (std::int64_t feature = 0; feature < dropped_features(); ++feature)
    for (const std::int64_t sample : pass.samples) {
      const auto index = (static_cast<std::uint64_t>(pass.step) << 32) ^ static_cast<std::uint64_t>(sample);
      Philox random(pass.seed, kDropoutStream + static_cast<std::uint32_t>(feature), index);
      factors.push_back(random.uniform() < config_.dropout ? 0.0f : kept);
    }
  return factors;
}

Output BrainNetCnn::forward(Tape& tape, const Var& x, const Pass& pass) {
  const Modules& m = *modules_;
  const std::int64_t batch = x.shape()[0], nodes = config_.nodes;
  BRAINMT_CHECK(x.shape() == input_shape(batch), "input {}, expected {}", x.shape().str(), input_shape(batch).str());
  Tensor factors = pass.draws;
  if (!factors && pass.training && config_.dropout > 0)
    factors = Tensor::from_host(draws(pass), {dropped_features(), batch}, DType::kF32);
  std::int64_t next = 0;
  const auto drop = [&](const Var& h) {
    const std::int64_t first = std::exchange(next, next + h.shape()[1]);
    return factors ? autograd::scale_features(tape, h, factors.slice(first, next)) : h;
  };
  const auto leaky = [&](const Var& h) { return autograd::leaky_relu(tape, h, config_.slope); };
  const auto layer = [&](const Var& h, const autograd::Affine& affine) {
    return leaky(autograd::linear(tape, h, affine, h.dtype()));
  };

  Var h = x.reshaped({batch, nodes, 1, nodes});
  h = leaky(m.edges1(tape, h));
  h = leaky(m.edges2(tape, h));
  h = layer(h.reshaped({batch, nodes, config_.e2e[1] * nodes}), m.edge_to_node);  // [B, K, e2n]
  h = autograd::swap_nodes(tape, h.reshaped({batch, nodes, 1, config_.e2n}));
  h = drop(layer(h.reshaped({batch, config_.e2n * nodes}), m.node_to_graph));
  h = drop(layer(h, m.dense1));
  h = drop(layer(h, m.dense2));

  Output result;
  result.embedding = h;
  result.prediction = autograd::linear(tape, h, m.dense3, store_.master_dtype());
  if (config_.leaky_head) result.prediction = leaky(result.prediction);
  return result;
}

}  // namespace brainmt::models
