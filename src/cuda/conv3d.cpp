// Each operation has one or two ways to be done, tried in order: cuDNN's engines differ between generations of GPUs in
// what they fuse and in which types they write.
#include "cuda/conv3d.hpp"

#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/plan_cache.hpp"
#include "cuda/choices.hpp"
#include "cuda/dry_plan.hpp"
#include "cuda/graph.hpp"
#include "cuda/layout.hpp"

namespace brainmt::cuda {
namespace {

using detail::Graph;
using detail::GraphPlan;
using detail::GraphTensor;
using detail::Pointers;

// Ids of the tensors in a graph. Each pass uses its own three or four.
enum Id : std::int64_t { kX = 1, kW, kBias, kY, kDx, kDy, kDw };

// A faster engine is not worth more than this, which would take frames from the chunk; the only engine is.
constexpr std::int64_t kMuchWorkspace = std::int64_t{2} << 30;
constexpr std::int64_t kAnyWorkspace = std::int64_t{1} << 50;
constexpr std::uintptr_t kAlignment = 16;

std::string text_of(const Conv3dShape& s, const Conv3dOperation& o, const Context& context) {
  constexpr std::string_view kPasses[] = {"forward", "backward data", "backward weights"};
  return fmt::format("conv3d {} {} {}x[{}, {}, {}] {} -> {} channels, kernel {}, stride {}, padding {}{}{}{}{}",
                     kPasses[static_cast<int>(o.pass)], name_of(o.type), s.batch, s.in[0], s.in[1], s.in[2],
                     s.in_channels, s.out_channels, s.kernel, s.stride, s.padding, o.bias ? ", bias" : "",
                     o.relu ? ", relu" : "", context.deterministic ? "" : ", any order", context.tf32 ? ", tf32" : "");
}

// cuDNN names the axes N, C, D, H, W; ours lie in memory as N, D, H, W, C.
std::vector<std::int64_t> dims(std::int64_t n, std::int64_t channels, const std::array<std::int64_t, 3>& extents) {
  return {n, channels, extents[0], extents[1], extents[2]};
}
std::vector<std::int64_t> channels_last(std::int64_t channels, const std::array<std::int64_t, 3>& e) {
  return {e[0] * e[1] * e[2] * channels, 1, e[1] * e[2] * channels, e[2] * channels, channels};
}

struct Tensors {
  Conv3dShape s;
  DType type;

  auto input(Id id) const {
    return detail::tensor(id, dims(s.batch, s.in_channels, s.in), channels_last(s.in_channels, s.in), type);
  }
  auto output(Id id) const {
    return detail::tensor(id, dims(s.batch, s.out_channels, s.out), channels_last(s.out_channels, s.out), type);
  }
  auto kernel(Id id, DType of) const {
    const std::array<std::int64_t, 3> taps{s.kernel, s.kernel, s.kernel};
    return detail::tensor(id, dims(s.out_channels, s.in_channels, taps), channels_last(s.in_channels, taps), of);
  }
  auto bias(Id id) const {
    return detail::tensor(id, dims(1, s.out_channels, {1, 1, 1}),
                          {s.out_channels, 1, s.out_channels, s.out_channels, s.out_channels}, DType::kF32);
  }
};

template <class Attributes>
Attributes geometry(const Conv3dShape& s) {
  const std::vector<std::int64_t> padding(3, s.padding), stride(3, s.stride), dilation(3, 1);
  Attributes attributes;
  attributes.set_padding(padding).set_stride(stride).set_dilation(dilation);
  return attributes;
}

void add_forward(Graph& graph, const Tensors& t, const Conv3dOperation& o) {
  namespace fe = detail::fe;
  GraphTensor y = graph.conv_fprop(graph.tensor(t.input(kX)), graph.tensor(t.kernel(kW, o.type)),
                                   geometry<fe::graph::Conv_fprop_attributes>(t.s));
  const auto then = [&](fe::PointwiseMode_t mode) {
    fe::graph::Pointwise_attributes attributes;
    attributes.set_mode(mode);
    y->set_data_type(fe::DataType_t::FLOAT);
    return attributes;
  };
  if (o.bias) y = graph.pointwise(y, graph.tensor(t.bias(kBias)), then(fe::PointwiseMode_t::ADD));
  if (o.relu) y = graph.pointwise(y, then(fe::PointwiseMode_t::RELU_FWD));
  detail::make_output(y, t.output(kY));
}

// What is asked of cuDNN.
struct Way {
  Conv3dOperation graph;
  DType gradient = DType::kF32;  // of the weights, as the graph leaves it
};

std::vector<Way> ways(const Conv3dOperation& o) {
  if (o.pass == ConvPass::kForward && (o.bias || o.relu)) return {{o}, {{o.pass, o.type}}};
  // Where no engine leaves fp32 gradients of bf16 operands, bf16 ones: summed in fp32 and rounded once.
  if (o.pass == ConvPass::kBackwardWeights && o.type == DType::kBf16) return {{o}, {o, DType::kBf16}};
  return {{o}};
}

std::shared_ptr<Graph> make_graph(const detail::Target& target, const Conv3dShape& s, const Way& way) {
  namespace fe = detail::fe;
  const Conv3dOperation& o = way.graph;
  const Tensors t{s, o.type};
  std::shared_ptr<Graph> graph = detail::make_graph(target, o.type);
  switch (o.pass) {
    case ConvPass::kForward:
      add_forward(*graph, t, o);
      break;
    case ConvPass::kBackwardData:
      detail::make_output(graph->conv_dgrad(graph->tensor(t.output(kDy)), graph->tensor(t.kernel(kW, o.type)),
                                            geometry<fe::graph::Conv_dgrad_attributes>(s)),
                          t.input(kDx));
      break;
    case ConvPass::kBackwardWeights:
      detail::make_output(graph->conv_wgrad(graph->tensor(t.output(kDy)), graph->tensor(t.input(kX)),
                                            geometry<fe::graph::Conv_wgrad_attributes>(s)),
                          t.kernel(kDw, way.gradient));
      break;
  }
  return graph;
}

detail::EngineRules rules(const Context& context, DType type, std::int64_t max_workspace) {
  detail::EngineRules rules = detail::rules_for(context, type);
  rules.max_workspace = max_workspace;
  return rules;
}

PlanKey key_of(const Context& context, const Conv3dShape& s, const Conv3dOperation& o) {
  int device = 0;
  check(cudaGetDevice(&device), "the current GPU");
  const std::int64_t flags = std::int64_t{o.bias} * 16 + o.relu * 8 + context.deterministic * 4 + context.tf32 * 2 +
                             (context.selection == Selection::kTimed);
  return {std::int64_t(o.pass), s.batch,        s.in[0],  s.in[1],  s.in[2],
          s.in_channels,        s.out_channels, s.kernel, s.stride, s.padding,
          std::int64_t(o.type), flags,          device};
}

void check_shape(const Conv3dShape& s, const std::string& what) {
  for (int axis = 0; axis < 3; ++axis)
    BRAINMT_CHECK(s.out[axis] == (s.in[axis] + 2 * s.padding - s.kernel) / s.stride + 1, "{}: output {} on axis {}",
                  what, s.out[axis], axis);
  BRAINMT_CHECK(s.batch > 0 && s.in_channels > 0 && s.out_channels > 0, "{}", what);
}

struct Plan {
  GraphPlan graph;
  Way way;
};

Plan make_plan(const Context& context, const detail::Target& target, const Conv3dShape& s, const Conv3dOperation& o,
               const Pointers& pointers) {
  std::string reason;
  for (const std::int64_t max_workspace : {kMuchWorkspace, kAnyWorkspace})
    for (const Way& way : ways(o)) {
      const std::string key = text_of(s, way.graph, context) + (way.gradient == DType::kBf16 ? ", bf16 gradient" : "");
      try {
        return {detail::choose_plan(context, make_graph(target, s, way), target, key, pointers,
                                    rules(context, o.type, max_workspace)),
                way};
      } catch (const detail::NotSupported& error) {
        reason = error.what();
        log::debug("{}; trying another way", reason);
      }
    }
  throw detail::NotSupported(reason);
}

// Runs the operation and says how it was done. The pointers may be of more tensors than the chosen way uses.
Way run(const Context& context, const Conv3dShape& s, const Conv3dOperation& o, const Pointers& pointers) {
  const std::string what = text_of(s, o, context);
  check_shape(s, what);
  for (const auto& [id, pointer] : pointers)
    BRAINMT_CHECK(reinterpret_cast<std::uintptr_t>(pointer) % kAlignment == 0, "{}: tensor {} is not aligned", what,
                  id);
  const detail::Target target = detail::this_device();
  thread_local PlanCache<Plan> plans;
  const Plan& plan = plans.get(
      key_of(context, s, o), [&] { return make_plan(context, target, s, o, pointers); }, detail::adoptions());
  plan.graph.run(context, target.handle, pointers, what);
  return plan.way;
}

detail::Scratch packed_kernel(const Context& context, const float* w, const Conv3dShape& s, DType type) {
  detail::Scratch packed(context, static_cast<std::size_t>(s.weights()) * size_of(type),
                         [] { return std::string("the rewritten weights of conv3d"); });
  kernel_to_channels_last(context.stream, packed.data(), type, w, s.out_channels, s.in_channels, s.taps());
  return packed;
}

// An operand that is only read, at an address that cuDNN takes: a chunk of frames with one channel may begin anywhere.
class Input {
 public:
  Input(const Context& context, const void* data, std::int64_t count, DType type) : data_(const_cast<void*>(data)) {
    if (reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0) return;
    const std::size_t bytes = static_cast<std::size_t>(count) * size_of(type);
    copy_ = {context, bytes, [] { return std::string("the aligned copy of an operand of conv3d"); }};
    data_ = copy_.data();
    check(cudaMemcpyAsync(data_, data, bytes, cudaMemcpyDeviceToDevice, context.stream), "alignment of {} bytes",
          bytes);
  }
  void* get() const { return data_; }

 private:
  void* data_;
  detail::Scratch copy_;
};

std::int64_t voxels(const std::array<std::int64_t, 3>& extents) { return extents[0] * extents[1] * extents[2]; }
std::int64_t inputs(const Conv3dShape& s) { return s.batch * voxels(s.in) * s.in_channels; }
std::int64_t outputs(const Conv3dShape& s) { return s.batch * voxels(s.out) * s.out_channels; }

}  // namespace

void conv3d_fwd(const Context& context, void* y, const void* x, const float* w, const float* bias,
                const Conv3dShape& shape, DType type, bool relu) {
  const detail::Scratch packed = packed_kernel(context, w, shape, type);
  const Input aligned(context, x, inputs(shape), type);
  Pointers pointers{{kY, y}, {kX, aligned.get()}, {kW, packed.data()}};
  const Input aligned_bias(context, bias, shape.out_channels, DType::kF32);
  if (bias != nullptr) pointers.emplace(kBias, aligned_bias.get());
  const Way way = run(context, shape, {ConvPass::kForward, type, bias != nullptr, relu}, pointers);
  const bool add = bias != nullptr && !way.graph.bias;
  const bool cut = relu && !way.graph.relu;
  if (add || cut)
    add_bias(context.stream, y, type, add ? bias : nullptr, cut, shape.batch * voxels(shape.out), shape.out_channels,
             shape.out_channels);
}

void conv3d_bwd_data(const Context& context, void* dx, const void* dy, const float* w, const Conv3dShape& shape,
                     DType type) {
  const detail::Scratch packed = packed_kernel(context, w, shape, type);
  const Input aligned(context, dy, outputs(shape), type);
  run(context, shape, {ConvPass::kBackwardData, type}, {{kDx, dx}, {kDy, aligned.get()}, {kW, packed.data()}});
}

void conv3d_bwd_weights(const Context& context, float* dw, const void* dy, const void* x, const Conv3dShape& shape,
                        DType type) {
  const detail::Scratch gradient(context, static_cast<std::size_t>(shape.weights()) * sizeof(float),
                                 [] { return std::string("the weight gradient of conv3d"); });
  const Input aligned_dy(context, dy, outputs(shape), type), aligned_x(context, x, inputs(shape), type);
  const Way way = run(context, shape, {ConvPass::kBackwardWeights, type},
                      {{kDw, gradient.data()}, {kDy, aligned_dy.get()}, {kX, aligned_x.get()}});
  add_channels_last_gradient(context.stream, dw, gradient.data(), way.gradient, shape.out_channels, shape.in_channels,
                             shape.taps());
}

Support dry_conv3d(const DescribedDevice& device, const Context& context, const Conv3dShape& shape,
                   const Conv3dOperation& operation, std::int64_t max_workspace) {
  const detail::Target target = detail::described(device);
  Support support;
  for (const Way& way : ways(operation)) {
    try {
      detail::check_support(make_graph(target, shape, way), target, rules(context, operation.type, max_workspace),
                            text_of(shape, way.graph, context));
      return {true, {}};
    } catch (const detail::NotSupported& reason) {
      support.reason = reason.what();
    }
  }
  return support;
}

}  // namespace brainmt::cuda
