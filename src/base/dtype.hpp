#pragma once
// Storage types of tensors, and the one switch from a run-time type to a template argument.
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/bfloat16.hpp"
#include "base/error.hpp"

namespace brainmt {

enum class DType : std::uint8_t { kF32, kBf16, kF64 };

constexpr std::size_t size_of(DType t) { return t == DType::kF32 ? 4 : t == DType::kBf16 ? 2 : 8; }
constexpr std::string_view name_of(DType t) { return t == DType::kF32 ? "fp32" : t == DType::kBf16 ? "bf16" : "fp64"; }
/// Type of parameters, gradients and the residual stream when activations have type t.
constexpr DType master_of(DType t) { return t == DType::kF64 ? DType::kF64 : DType::kF32; }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::kF32;
  else if constexpr (std::is_same_v<T, bf16>)
    return DType::kBf16;
  else {
    static_assert(std::is_same_v<T, double>);
    return DType::kF64;
  }
}

/// Calls f.template operator()<T>() with the C++ type of `t`.
template <class F>
decltype(auto) dispatch(DType t, F&& f) {
  switch (t) {
    case DType::kF32:
      return f.template operator()<float>();
    case DType::kBf16:
      return f.template operator()<bf16>();
    case DType::kF64:
      return f.template operator()<double>();
  }
  throw InternalError("unknown dtype");
}

}  // namespace brainmt
