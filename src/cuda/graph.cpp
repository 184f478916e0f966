#include "cuda/graph.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "cuda/choices.hpp"
#include "cuda/context.hpp"
#include "cuda/device.hpp"

namespace brainmt::cuda::detail {
namespace {

constexpr std::size_t kTimedCandidates = 6;

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  constexpr std::size_t kMaxBytes = 400;  // some messages repeat themselves for every engine
  if (text.size() > kMaxBytes) text = text.substr(0, kMaxBytes) + "...";
  return text;
}

// Handles of the calling thread by device, never destroyed: at exit the CUDA run time may be gone before them.
cudnnHandle_t this_threads_handle() {
  int device = 0;
  check(cudaGetDevice(&device), "start of cuDNN");
  thread_local auto* handles = new std::map<int, cudnnHandle_t>;  // NOLINT(cppcoreguidelines-owning-memory)
  if (const auto found = handles->find(device); found != handles->end()) return found->second;
  if (cudnnGetVersion() < kOldestCudnn)
    throw UsageError(fmt::format("cuDNN {} was found, {} or newer is needed", cudnnGetVersion(), kOldestCudnn));
  cudnnHandle_t created = nullptr;
  check(cudnnCreate(&created), "start of cuDNN");
  return handles->emplace(device, created).first->second;
}

// Asks the library for plans and drops those that the rules exclude.
fe::error_t suggest(Graph& graph, const Target& target, const EngineRules& rules) {
  if (auto status = graph.validate(); status.is_bad()) return status;
  if (auto status = graph.build_operation_graph(target.handle); status.is_bad()) return status;
  if (auto status = graph.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}); status.is_bad())
    return status;
  graph.deselect_numeric_notes(rules.excluded);
  graph.deselect_workspace_greater_than(rules.max_workspace);
  return {};
}

}  // namespace

void check_graph(const fe::error_t& status, const std::string& what) {
  if (status.is_good()) return;
  const std::string text = one_line(status.err_msg);
  if (text.find("ALLOC_FAILED") != std::string::npos) fail_out_of_memory(what, 0);
  const std::string message = fmt::format("{}: cuDNN: {}", what, text);
  switch (status.code) {
    case fe::error_code_t::GRAPH_NOT_SUPPORTED:
    case fe::error_code_t::HEURISTIC_QUERY_FAILED:
    case fe::error_code_t::GRAPH_EXECUTION_PLAN_CREATION_FAILED:
      throw NotSupported(message);
    default:
      throw InternalError(message);
  }
}

Target this_device() { return {.handle = this_threads_handle()}; }

Target described(const DescribedDevice& device) {
  auto properties = std::make_shared<fe::DeviceProperties>();
  const std::vector<std::uint8_t> text(device.properties.begin(), device.properties.end());
  check_graph(properties->deserialize(text), "description of a device");
  return {.properties = std::move(properties), .sm = device.sm};
}

std::shared_ptr<Graph> make_graph(const Target& target, DType type) {
  auto graph = std::make_shared<Graph>();
  graph->set_io_data_type(data_type(type))
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  if (target.properties) graph->set_device_properties(target.properties).set_sm_version(target.sm);
  return graph;
}

fe::DataType_t data_type(DType type) {
  BRAINMT_CHECK(type != DType::kF64, "cuDNN's tensor operations are bf16 and fp32");
  return type == DType::kBf16 ? fe::DataType_t::BFLOAT16 : fe::DataType_t::FLOAT;
}

fe::graph::Tensor_attributes tensor(std::int64_t id, const std::vector<std::int64_t>& dim,
                                    const std::vector<std::int64_t>& stride, DType type) {
  fe::graph::Tensor_attributes attributes;
  attributes.set_uid(id).set_dim(dim).set_stride(stride).set_data_type(data_type(type));
  return attributes;
}

void make_output(const GraphTensor& made, const fe::graph::Tensor_attributes& wanted) {
  made->set_output(true)
      .set_uid(wanted.get_uid())
      .set_dim(wanted.get_dim())
      .set_stride(wanted.get_stride())
      .set_data_type(wanted.get_data_type());
}

EngineRules rules_for(const Context& context, DType type) {
  using Note = fe::NumericalNote_t;
  // Accumulation in fp32.
  EngineRules rules{{Note::REDUCED_PRECISION_REDUCTION}};
  if (context.deterministic) rules.excluded.push_back(Note::NONDETERMINISTIC);
  if (type == DType::kF32) {
    // fp32 is for comparisons: direct sums only, and no TF32 or bf16 inside unless asked for.
    rules.excluded.insert(rules.excluded.end(), {Note::FFT, Note::WINOGRAD, Note::WINOGRAD_TILE_4x4,
                                                 Note::WINOGRAD_TILE_6x6, Note::WINOGRAD_TILE_13x13});
    if (!context.tf32) rules.excluded.insert(rules.excluded.end(), {Note::TENSOR_CORE, Note::DOWN_CONVERT_INPUTS});
  }
  return rules;
}

void GraphPlan::run(const Context& context, cudnnHandle_t handle, Pointers pointers, const std::string& what) const {
  const Scratch workspace(context, static_cast<std::size_t>(workspace_bytes()),
                          [&] { return "the workspace of " + what; });
  check(cudnnSetStream(handle, context.stream), "{}", what);
  check_graph(graph_->execute_plan_at_index(handle, pointers, workspace.data(), position_), what);
}

std::int64_t GraphPlan::workspace_bytes() const {
  std::int64_t bytes = 0;
  check_graph(graph_->get_workspace_size_plan_at_index(position_, bytes), "workspace of a plan");
  return bytes;
}

std::string GraphPlan::engine() const {
  std::string name;
  check_graph(graph_->get_plan_name_at_index(position_, name), "name of a plan");
  return name;
}

std::vector<GraphPlan> make_plans(const std::shared_ptr<Graph>& graph, const Target& target, const EngineRules& rules,
                                  std::size_t max_plans, std::optional<int> wanted, const std::string& what) {
  check_graph(suggest(*graph, target, rules), what);
  if (wanted && graph->build_plan_at_index(*wanted).is_good()) return {{graph, *wanted}};
  std::vector<GraphPlan> plans;
  std::string reason = "no suggestions";
  const std::int64_t count = graph->get_execution_plan_count();
  for (std::int64_t i = 0; i < count && plans.size() < max_plans; ++i) {
    const fe::error_t status = graph->build_plan_at_index(i);
    if (status.is_good())
      plans.emplace_back(graph, i);
    else
      reason = status.err_msg;
  }
  if (plans.empty()) throw NotSupported(fmt::format("{}: cuDNN has no engine for it: {}", what, one_line(reason)));
  return plans;
}

GraphPlan choose_plan(const Context& context, const std::shared_ptr<Graph>& graph, const Target& target,
                      const std::string& key, const Pointers& pointers, const EngineRules& rules) {
  const std::size_t max_plans = times(context) ? kTimedCandidates : 1;
  const std::vector<GraphPlan> plans = make_plans(graph, target, rules, max_plans, known_choice(key), key);
  std::vector<Candidate> candidates;
  for (const GraphPlan& plan : plans)
    candidates.push_back(
        {static_cast<int>(plan.position()), plan.engine(), [&] { plan.run(context, target.handle, pointers, key); }});
  return plans[choose(context, key, candidates)];
}

void check_support(const std::shared_ptr<Graph>& graph, const Target& target, const EngineRules& rules,
                   const std::string& what) {
  check_graph(suggest(*graph, target, rules), what);
  check_graph(graph->check_support(), what);
}

}  // namespace brainmt::cuda::detail
