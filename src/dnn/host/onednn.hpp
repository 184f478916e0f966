#pragma once
// Shared by the oneDNN implementations: engine and stream, memory over tensors and pooled scratch. A plan
// (base/plan_cache.hpp) is a primitive with the reorders and memory descriptions that it needs. Nothing here is visible
// outside src/dnn.
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

#include "base/plan_cache.hpp"
#include "memory/pool.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::dnn::detail {

using dnnl::memory;
using Dims = memory::dims;

/// Whether oneDNN has bf16 primitives here. On x86 it has none below AVX-512; bf16 is then rounded as they would round
/// it and computed in fp32.
bool has_bf16_primitives();

const dnnl::engine& engine();
/// In-order stream of the calling thread; execution on the host is finished when execute() returns.
dnnl::stream& stream();

/// fp32 and bf16 only.
memory::data_type data_type(DType t);

/// User scratchpad and strict fp32 arithmetic, overriding environment variables.
dnnl::primitive_attr attributes();

// The API of oneDNN 2 and of oneDNN 3: the difference is here and nowhere else. Version 2 describes an operation first
// and makes a primitive description of that; version 3 takes everything at once.

/// Description of a forward operation or a matmul; `of` are its arguments in oneDNN's order.
template <class Primitive, class... Of>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attr, const Of&... of) {
#if DNNL_VERSION_MAJOR < 3
  return {typename Primitive::desc(of...), attr, engine()};
#else
  return {engine(), of..., attr};
#endif
}

/// Description of a backward operation; `forward` describes its forward pass.
template <class Primitive, class Forward, class... Of>
typename Primitive::primitive_desc describe_backward(const Forward& forward, const dnnl::primitive_attr& attr,
                                                     const Of&... of) {
#if DNNL_VERSION_MAJOR < 3
  return {typename Primitive::desc(of...), attr, engine(), forward};
#else
  return {engine(), of..., forward, attr};
#endif
}

inline void append_relu(dnnl::post_ops& ops) {
#if DNNL_VERSION_MAJOR < 3
  ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#else
  ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#endif
}

/// Whether an instruction set includes another: its value has the bits of those that it includes.
inline bool includes(dnnl::cpu_isa isa, dnnl::cpu_isa other) {
  return (static_cast<unsigned>(isa) & static_cast<unsigned>(other)) == static_cast<unsigned>(other);
}

inline memory wrap(const memory::desc& desc, void* data) { return {desc, engine(), data}; }

/// Memory of a description, from the tensor pool until the end of the scope.
class Scratch {
 public:
  explicit Scratch(const memory::desc& desc)
      : block_(pool::allocate(desc.get_size())), memory_(wrap(desc, block_.get())) {}
  operator const memory&() const { return memory_; }  // NOLINT: converts to its memory

 private:
  std::shared_ptr<void> block_;
  memory memory_;
};

/// A primitive, its scratchpad, and how to run it.
struct Executable {
  dnnl::primitive primitive;
  memory::desc scratchpad;

  void run(std::unordered_map<int, memory> arguments) const {
    const Scratch scratch(scratchpad);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, scratch);
    primitive.execute(stream(), arguments);
  }
};

/// Conversion between layouts and types; with `accumulate`, to += from.
Executable make_reorder(const memory::desc& from, const memory::desc& to, bool accumulate = false);
inline void run_reorder(const Executable& reorder, const memory& from, const memory& to) {
  reorder.run({{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

}  // namespace brainmt::dnn::detail
