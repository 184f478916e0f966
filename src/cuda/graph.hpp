#pragma once
// Shared by the cuDNN operations: an operation graph becomes plans, one of which is chosen and run. The front end's
// headers take half a minute to compile, so only the source files of the operations include this.
#include <cudnn_frontend.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/dtype.hpp"
#include "cuda/context.hpp"
#include "cuda/dry_plan.hpp"
#include "cuda/error.hpp"

namespace brainmt::cuda::detail {

namespace fe = cudnn_frontend;
using Graph = fe::graph::Graph;
using GraphTensor = std::shared_ptr<fe::graph::Tensor_attributes>;
/// Tensor id of the graph -> device memory.
using Pointers = std::unordered_map<std::int64_t, void*>;

/// cuDNN has no engine for a graph (under the rules given): a caller may have another way.
struct NotSupported : InternalError {
  using InternalError::InternalError;
};

/// Throws NotSupported, DeviceMemoryError or InternalError; `what` is operation and sizes.
void check_graph(const fe::error_t& status, const std::string& what);

/// What plans are made for.
struct Target {
  cudnnHandle_t handle = nullptr;                               // the current device, or
  std::shared_ptr<const fe::DeviceProperties> properties = {};  // one that is described
  int sm = 0;                                                   // of the described one: 90 is 9.0
};
/// The current device, with a handle of the calling thread. UsageError when cuDNN is older than 9.15.
Target this_device();
Target described(const DescribedDevice& device);

/// An empty graph for `target` with activations of `type`; everything else is fp32.
std::shared_ptr<Graph> make_graph(const Target& target, DType type);
fe::DataType_t data_type(DType type);
/// Attributes of the tensor `id` in Pointers.
fe::graph::Tensor_attributes tensor(std::int64_t id, const std::vector<std::int64_t>& dim,
                                    const std::vector<std::int64_t>& stride, DType type);

/// Makes `made`, which an operation of the graph left, a tensor in memory with the attributes wanted.
void make_output(const GraphTensor& made, const fe::graph::Tensor_attributes& wanted);

/// Which engines may serve a graph.
struct EngineRules {
  std::vector<fe::NumericalNote_t> excluded;
  std::int64_t max_workspace = std::int64_t{1} << 50;
};
/// The rules that follow from the context for operands of `type`.
EngineRules rules_for(const Context& context, DType type);

/// A graph and the index of one of its plans.
class GraphPlan {
 public:
  GraphPlan(std::shared_ptr<Graph> graph, std::int64_t position) : graph_(std::move(graph)), position_(position) {}

  void run(const Context& context, cudnnHandle_t handle, Pointers pointers, const std::string& what) const;
  std::int64_t position() const { return position_; }
  std::int64_t workspace_bytes() const;
  std::string engine() const;

 private:
  std::shared_ptr<Graph> graph_;
  std::int64_t position_;
};

/// Up to `max_plans` plans in the library's order, or only the one at `wanted` when that can be built. Not empty:
/// NotSupported otherwise.
std::vector<GraphPlan> make_plans(const std::shared_ptr<Graph>& graph, const Target& target, const EngineRules& rules,
                                  std::size_t max_plans, std::optional<int> wanted, const std::string& what);

/// The plan for the graph as the context selects it; timing runs the candidates on `pointers`, whose outputs must be
/// free to be overwritten. `key` names operation, sizes and types.
GraphPlan choose_plan(const Context& context, const std::shared_ptr<Graph>& graph, const Target& target,
                      const std::string& key, const Pointers& pointers, const EngineRules& rules);

/// Asks whether there is an engine, without making its plan: all that can be asked for a device that is not here, as a
/// plan loads its kernel. NotSupported when there is none.
void check_support(const std::shared_ptr<Graph>& graph, const Target& target, const EngineRules& rules,
                   const std::string& what);

}  // namespace brainmt::cuda::detail
