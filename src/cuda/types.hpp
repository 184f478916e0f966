#pragma once
// Element types of device memory, as the vendor libraries' layer sees them.
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace brainmt::cuda {

enum class Type : std::uint8_t { kF32, kBf16, kF64 };

constexpr std::size_t size_of(Type t) { return t == Type::kF32 ? 4 : t == Type::kBf16 ? 2 : 8; }
constexpr std::string_view name_of(Type t) { return t == Type::kF32 ? "fp32" : t == Type::kBf16 ? "bf16" : "fp64"; }

}  // namespace brainmt::cuda
