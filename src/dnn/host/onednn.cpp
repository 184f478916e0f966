#include "dnn/host/onednn.hpp"

namespace brainmt::dnn::detail {

bool has_bf16_primitives() {
#if defined(__x86_64__)
  return includes(dnnl::get_effective_cpu_isa(), dnnl::cpu_isa::avx512_core);
#else
  return true;
#endif
}

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

memory::data_type data_type(DType t) {
  BRAINMT_CHECK(t != DType::kF64, "oneDNN has no fp64; the caller should have used kernels/ref");
  return t == DType::kBf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return attr;
}

Executable make_reorder(const memory::desc& from, const memory::desc& to, bool accumulate) {
  dnnl::primitive_attr attr = attributes();
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0f);
    attr.set_post_ops(ops);
  }
  const dnnl::reorder::primitive_desc desc(engine(), from, engine(), to, attr);
  return {dnnl::reorder(desc), desc.scratchpad_desc()};
}

}  // namespace brainmt::dnn::detail
