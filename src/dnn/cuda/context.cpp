#include "dnn/cuda/context.hpp"

#include "dnn/settings.hpp"
#include "kernels/types.hpp"
#include "memory/pool.hpp"

namespace brainmt::dnn::detail {

cuda::Context cuda_context() {
  const Settings& chosen = settings();
  return {.stream = kernels::Exec{}.cuda_stream(),
          .allocate = pool::allocate,
          .deterministic = chosen.deterministic,
          .tf32 = chosen.tf32,
          .selection = chosen.tune ? cuda::Selection::kTimed : cuda::Selection::kFirst};
}

cuda::Type cuda_type(DType type) {
  switch (type) {
    case DType::kF32:
      return cuda::Type::kF32;
    case DType::kBf16:
      return cuda::Type::kBf16;
    case DType::kF64:
      return cuda::Type::kF64;
  }
  throw InternalError("unknown dtype");
}

}  // namespace brainmt::dnn::detail
