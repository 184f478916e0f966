#pragma once
// Strided matrices as cuBLASLt's column-major layouts. A row-major C = A B is the column-major C' = B' A' of the
// transposes, which are the same memory: C [m, n] with rows `ld` apart is C' of n rows and m columns. An operand X then
// enters as X' = op(memory).
#include <cstdint>
#include <optional>

namespace brainmt::cuda::detail {

/// Column-major memory of `rows` x `cols` with columns `ld` apart; X' is its transpose when `transpose`.
struct ColumnMajor {
  std::int64_t rows, cols, ld;
  bool transpose;
};

/// The layout of X' for X [rows, cols] with element (i, j) at i * row_stride + j * col_stride; nothing when no stride
/// is 1 or rows overlap.
constexpr std::optional<ColumnMajor> column_major_transpose(std::int64_t rows, std::int64_t cols,
                                                            std::int64_t row_stride, std::int64_t col_stride) {
  const auto fits = [](std::int64_t stride, std::int64_t inner, std::int64_t outer) {
    return stride >= inner || outer == 1;
  };
  const auto apart = [](std::int64_t stride, std::int64_t inner) { return stride > inner ? stride : inner; };
  if (col_stride == 1 && fits(row_stride, cols, rows)) return ColumnMajor{cols, rows, apart(row_stride, cols), false};
  if (row_stride == 1 && fits(col_stride, rows, cols)) return ColumnMajor{rows, cols, apart(col_stride, rows), true};
  return std::nullopt;
}

}  // namespace brainmt::cuda::detail
