#include "dnn/info.hpp"

#include <fmt/format.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>

namespace brainmt::dnn {
namespace {

std::string_view name_of(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 VNNI";
    case dnnl::cpu_isa::avx512_mic:
      return "AVX-512 (Knights Landing)";
    case dnnl::cpu_isa::avx512_mic_4ops:
      return "AVX-512 (Knights Mill)";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AMX";
    default:
      return "unnamed instruction set";
  }
}

std::string_view runtime_name(unsigned runtime) {
  switch (runtime) {
    case DNNL_RUNTIME_OMP:
      return "OpenMP";
    case DNNL_RUNTIME_TBB:
      return "TBB";
    case DNNL_RUNTIME_SEQ:
      return "sequential";
    case DNNL_RUNTIME_THREADPOOL:
      return "thread pool";
    default:
      return "unnamed run time";
  }
}

}  // namespace

std::string describe() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{} ({}, {})", v->major, v->minor, v->patch, runtime_name(v->cpu_runtime),
                     name_of(dnnl::get_effective_cpu_isa()));
}

bool has_native_bf16() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto bf16 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (isa & bf16) == bf16;  // an instruction set's value contains the bits of those it includes
}

}  // namespace brainmt::dnn
