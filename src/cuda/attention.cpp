#include "cuda/attention.hpp"

#include <cmath>
#include <cstddef>

#include "base/plan_cache.hpp"
#include "cuda/attention_pieces.hpp"
#include "cuda/choices.hpp"
#include "cuda/dry_plan.hpp"
#include "cuda/graph.hpp"
#include "cuda/layout.hpp"

namespace brainmt::cuda {
namespace {

using detail::Graph;
using detail::GraphPlan;
using detail::Pointers;

// Ids of the tensors in a graph.
enum Id : std::int64_t { kQ = 1, kK, kV, kO, kStats, kDo, kDq, kDk, kDv };

std::string text_of(const AttentionShape& s, bool backward, const Context& context) {
  return fmt::format("attention {} {}x{} heads of {}, {} queries, {} keys{}", backward ? "backward" : "forward",
                     s.batch, s.heads, s.dim, s.queries, s.keys, context.deterministic ? "" : ", any order");
}

// Heads lie side by side in a row, rows one after the other in a sample: [batch, heads, rows, dim] for cuDNN.
auto rows_tensor(Id id, const AttentionShape& s, std::int64_t rows, std::int64_t ld) {
  return detail::tensor(id, {s.batch, s.heads, rows, s.dim}, {rows * ld, s.dim, ld, 1}, DType::kBf16);
}

auto stats_tensor(const AttentionShape& s) {
  return detail::tensor(kStats, {s.batch, s.heads, s.queries, 1}, {s.heads * s.queries, s.queries, 1, 1}, DType::kF32);
}

float scale_of(const AttentionShape& s) { return 1.0f / std::sqrt(static_cast<float>(s.dim)); }

std::shared_ptr<Graph> forward_graph(const detail::Target& target, const AttentionShape& s,
                                     const AttentionStrides& ld) {
  const std::shared_ptr<Graph> graph = detail::make_graph(target, DType::kBf16);
  detail::fe::graph::SDPA_attributes attributes;
  attributes.set_name("attention").set_generate_stats(true).set_attn_scale(scale_of(s));
  const auto [o, stats] =
      graph->sdpa(graph->tensor(rows_tensor(kQ, s, s.queries, ld.q)), graph->tensor(rows_tensor(kK, s, s.keys, ld.k)),
                  graph->tensor(rows_tensor(kV, s, s.keys, ld.v)), attributes);
  detail::make_output(o, rows_tensor(kO, s, s.queries, ld.o));
  detail::make_output(stats, stats_tensor(s));
  return graph;
}

std::shared_ptr<Graph> backward_graph(const detail::Target& target, const AttentionShape& s, const AttentionStrides& ld,
                                      bool deterministic) {
  const std::shared_ptr<Graph> graph = detail::make_graph(target, DType::kBf16);
  detail::fe::graph::SDPA_backward_attributes attributes;
  attributes.set_name("attention").set_attn_scale(scale_of(s)).set_deterministic_algorithm(deterministic);
  const auto [dq, dk, dv] = graph->sdpa_backward(
      graph->tensor(rows_tensor(kQ, s, s.queries, ld.q)), graph->tensor(rows_tensor(kK, s, s.keys, ld.k)),
      graph->tensor(rows_tensor(kV, s, s.keys, ld.v)), graph->tensor(rows_tensor(kO, s, s.queries, ld.o)),
      graph->tensor(rows_tensor(kDo, s, s.queries, ld.o)), graph->tensor(stats_tensor(s)), attributes);
  detail::make_output(dq, rows_tensor(kDq, s, s.queries, ld.q));
  detail::make_output(dk, rows_tensor(kDk, s, s.keys, ld.k));
  detail::make_output(dv, rows_tensor(kDv, s, s.keys, ld.v));
  return graph;
}

std::shared_ptr<Graph> make_graph(const detail::Target& target, const AttentionShape& s, const AttentionStrides& ld,
                                  bool backward, const Context& context) {
  return backward ? backward_graph(target, s, ld, context.deterministic) : forward_graph(target, s, ld);
}

PlanKey key_of(const Context& context, const AttentionShape& s, const AttentionStrides& ld, bool backward) {
  int device = 0;
  check(cudaGetDevice(&device), "the current GPU");
  return {s.batch,
          s.heads,
          s.queries,
          s.keys,
          s.dim,
          ld.q,
          ld.k,
          ld.v,
          ld.o,
          backward,
          context.deterministic,
          context.selection == Selection::kTimed,
          context.attention.max_bytes,
          context.attention.min_queries,
          device};
}

void check_arguments(const AttentionShape& s, const AttentionStrides& ld, const Pointers& pointers,
                     const std::string& what) {
  BRAINMT_CHECK(s.batch > 0 && s.heads > 0 && s.queries > 0 && s.keys > 0 && s.dim > 0, "{}", what);
  for (const std::int64_t rows : {ld.q, ld.k, ld.v, ld.o})
    BRAINMT_CHECK(rows >= s.heads * s.dim && rows % 8 == 0, "{}: rows {} apart", what, rows);
  for (const auto& [id, pointer] : pointers)
    BRAINMT_CHECK(reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 || id == kStats, "{}: tensor {} is not aligned",
                  what, id);
}

void run(const Context& context, const AttentionShape& s, const AttentionStrides& ld, bool backward,
         const Pointers& pointers) {
  const std::string what = text_of(s, backward, context);
  check_arguments(s, ld, pointers, what);
  const detail::Target target = detail::this_device();
  thread_local PlanCache<GraphPlan> plans;
  const GraphPlan& plan = plans.get(
      key_of(context, s, ld, backward),
      [&] {
        const std::string key = fmt::format("{}, rows {}, {}, {}, {} apart", what, ld.q, ld.k, ld.v, ld.o);
        return detail::choose_plan(context, make_graph(target, s, ld, backward, context), target, key, pointers,
                                   detail::rules_for(context, DType::kBf16));
      },
      detail::adoptions());
  plan.run(context, target.handle, pointers, what);
}

// The graph only reads these.
void* input(const void* data) { return const_cast<void*>(data); }

// True if the backward pass is split into heads and blocks of queries.
bool in_pieces(const Context& context, const AttentionShape& s) {
  return context.deterministic && detail::keeps_much(s, context.attention);
}

// Largest shape for which cuDNN is called.
AttentionShape asked_shape(const Context& context, const AttentionShape& s, bool backward) {
  if (!backward || !in_pieces(context, s)) return s;
  return detail::query_blocks(s, 0, 0, context.attention).front().shape;
}

// Addresses of one piece of each tensor.
Pointers part(const Pointers& whole, const AttentionShape& s, const AttentionStrides& ld,
              const detail::AttentionPiece& piece) {
  const auto offset = [&](std::int64_t id) {
    const bool of_queries = id == kQ || id == kDq || id == kO || id == kDo;
    const std::int64_t apart = id == kQ || id == kDq   ? ld.q
                               : id == kK || id == kDk ? ld.k
                               : id == kV || id == kDv ? ld.v
                                                       : ld.o;
    const std::int64_t row = of_queries ? piece.sample * s.queries + piece.first_query : piece.sample * s.keys;
    return row * apart + piece.head * s.dim;
  };
  const std::int64_t statistic = (piece.sample * s.heads + piece.head) * s.queries + piece.first_query;
  Pointers pointers;
  for (const auto& [id, pointer] : whole) {
    const std::int64_t bytes = id == kStats ? statistic * std::int64_t{sizeof(float)}
                                            : offset(id) * static_cast<std::int64_t>(size_of(DType::kBf16));
    pointers.emplace(id, static_cast<std::byte*>(pointer) + bytes);
  }
  return pointers;
}

// One head of one sample. Every block of queries leaves its own dk and dv, rounded to bf16; they are added in fp32, in
// order.
void run_blocks(const Context& context, const AttentionShape& s, const AttentionStrides& ld, const Pointers& whole,
                const std::vector<detail::AttentionPiece>& blocks) {
  const auto sum = [&] {
    return detail::Scratch(context, static_cast<std::size_t>(s.keys * s.dim) * sizeof(float),
                           [] { return std::string("sums of the gradients of keys and values"); });
  };
  const bool several = blocks.size() > 1;
  const detail::Scratch dk = several ? sum() : detail::Scratch(), dv = several ? sum() : detail::Scratch();
  for (const detail::AttentionPiece& block : blocks) {
    const Pointers pointers = part(whole, s, ld, block);
    run(context, block.shape, ld, true, pointers);
    if (!several) continue;
    const Addend addend = &block == &blocks.front()  ? Addend::kFirst
                          : &block == &blocks.back() ? Addend::kLast
                                                     : Addend::kMiddle;
    sum_rows(context.stream, static_cast<float*>(dk.data()), pointers.at(kDk), ld.k, s.keys, s.dim, addend);
    sum_rows(context.stream, static_cast<float*>(dv.data()), pointers.at(kDv), ld.v, s.keys, s.dim, addend);
  }
}

Support find_support(const Context& context, const AttentionShape& shape, const AttentionStrides& strides,
                     bool backward) {
  const detail::Target target = detail::this_device();
  const AttentionShape asked = asked_shape(context, shape, backward);
  try {
    detail::make_plans(make_graph(target, asked, strides, backward, context), target,
                       detail::rules_for(context, DType::kBf16), 1, {}, text_of(asked, backward, context));
    return {true, {}};
  } catch (const detail::NotSupported& reason) {
    return {false, reason.what()};
  }
}

}  // namespace

Support attention_supported(const Context& context, const AttentionShape& shape, const AttentionStrides& strides,
                            bool backward) {
  thread_local PlanCache<Support> known;
  return known.get(
      key_of(context, shape, strides, backward), [&] { return find_support(context, shape, strides, backward); },
      detail::adoptions());
}

void attention_fwd(const Context& context, const AnyMatrix& o, float* lse, const AnyMatrix& q, const AnyMatrix& k,
                   const AnyMatrix& v, const AttentionShape& shape) {
  run(context, shape, {q.row_stride, k.row_stride, v.row_stride, o.row_stride}, false,
      {{kQ, q.data}, {kK, k.data}, {kV, v.data}, {kO, o.data}, {kStats, lse}});
}

void attention_bwd(const Context& context, const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv,
                   const AnyMatrix& dout, const AnyMatrix& o, const float* lse, const AnyMatrix& q, const AnyMatrix& k,
                   const AnyMatrix& v, const AttentionShape& shape) {
  const AttentionStrides strides{q.row_stride, k.row_stride, v.row_stride, o.row_stride};
  BRAINMT_CHECK(dq.row_stride == q.row_stride && dk.row_stride == k.row_stride && dv.row_stride == v.row_stride &&
                    dout.row_stride == o.row_stride,
                "gradients must lie as their tensors: {} {} {} {} against {} {} {} {}", dq.row_stride, dk.row_stride,
                dv.row_stride, dout.row_stride, q.row_stride, k.row_stride, v.row_stride, o.row_stride);
  const Pointers pointers{{kQ, q.data},         {kK, k.data},   {kV, v.data},   {kO, o.data},  {kDo, dout.data},
                          {kStats, input(lse)}, {kDq, dq.data}, {kDk, dk.data}, {kDv, dv.data}};
  if (!in_pieces(context, shape)) return run(context, shape, strides, true, pointers);
  for (std::int64_t sample = 0; sample < shape.batch; ++sample)
    for (std::int64_t head = 0; head < shape.heads; ++head)
      run_blocks(context, shape, strides, pointers, detail::query_blocks(shape, sample, head, context.attention));
}

Support dry_attention(const DescribedDevice& device, const Context& context, const AttentionShape& shape,
                      const AttentionStrides& strides, bool backward, std::int64_t max_workspace) {
  const detail::Target target = detail::described(device);
  const AttentionShape asked = asked_shape(context, shape, backward);
  detail::EngineRules rules = detail::rules_for(context, DType::kBf16);
  rules.max_workspace = max_workspace;
  try {
    detail::check_support(make_graph(target, asked, strides, backward, context), target, rules,
                          text_of(asked, backward, context));
    return {true, {}};
  } catch (const detail::NotSupported& reason) {
    return {false, reason.what()};
  }
}

}  // namespace brainmt::cuda
