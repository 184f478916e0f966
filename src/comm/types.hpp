#pragma once
// The element types and reductions that every communicator understands.
#include <cstddef>
#include <cstdint>

#include "base/bfloat16.hpp"

namespace brainmt::comm {

/// kByte can be moved (broadcast, gathered, exchanged) but not reduced.
enum class DataType { kByte, kInt64, kBfloat16, kFloat, kDouble };
enum class ReduceOp { kSum, kMin, kMax };

constexpr std::size_t bytes_of(DataType type) {
  switch (type) {
    case DataType::kByte:
      return 1;
    case DataType::kBfloat16:
      return sizeof(bf16);
    case DataType::kFloat:
      return sizeof(float);
    case DataType::kInt64:
      return sizeof(std::int64_t);
    case DataType::kDouble:
      return sizeof(double);
  }
  return 0;
}

/// data_type_of<T>: the DataType of a C++ type; other types do not compile.
template <class T>
inline constexpr DataType data_type_of = T::not_a_communicated_type;
template <>
inline constexpr DataType data_type_of<std::byte> = DataType::kByte;
template <>
inline constexpr DataType data_type_of<std::int64_t> = DataType::kInt64;
template <>
inline constexpr DataType data_type_of<bf16> = DataType::kBfloat16;
template <>
inline constexpr DataType data_type_of<float> = DataType::kFloat;
template <>
inline constexpr DataType data_type_of<double> = DataType::kDouble;

}  // namespace brainmt::comm
