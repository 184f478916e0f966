#include "dnn/backend.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "dnn/host/onednn.hpp"

namespace brainmt::dnn {
namespace {

using detail::includes;

// Later sets than these (oneDNN 3 knows more than oneDNN 2) go by the widest one that they include.
std::string_view name_of(dnnl::cpu_isa isa) {
  static constexpr std::pair<dnnl::cpu_isa, std::string_view> kSets[] = {
      {dnnl::cpu_isa::avx512_core_amx, "AMX"},
      {dnnl::cpu_isa::avx512_core_bf16, "AVX-512 BF16"},
      {dnnl::cpu_isa::avx512_core_vnni, "AVX-512 VNNI"},
      {dnnl::cpu_isa::avx512_core, "AVX-512"},
      {dnnl::cpu_isa::avx2_vnni, "AVX2 VNNI"},
      {dnnl::cpu_isa::avx2, "AVX2"},
      {dnnl::cpu_isa::avx, "AVX"},
  };
  for (const auto& [set, name] : kSets)
    if (includes(isa, set)) return name;
  return "SSE4.1";
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

bool has_native_bf16() { return includes(dnnl::get_effective_cpu_isa(), dnnl::cpu_isa::avx512_core_bf16); }

Algorithms* algorithms() { return nullptr; }

}  // namespace brainmt::dnn
