#include "dnn/column_sum.hpp"

#include <algorithm>
#include <array>

namespace brainmt::dnn::detail {
namespace {

// Columns in groups that stay in registers and rows in blocks whose sums are added up: no long chain of roundings.
constexpr std::int64_t kColumns = 64;
constexpr std::int64_t kRows = 256;

template <class T>
void sum_group(Master<T>* out, const T* m, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
  for (std::int64_t begin = 0; begin < rows; begin += kRows) {
    std::array<Master<T>, kColumns> sums{};
    for (std::int64_t i = begin; i < std::min(rows, begin + kRows); ++i)
      for (std::int64_t j = 0; j < columns; ++j)
        sums[static_cast<std::size_t>(j)] += static_cast<Master<T>>(m[i * ld + j]);
    for (std::int64_t j = 0; j < columns; ++j) out[j] += sums[static_cast<std::size_t>(j)];
  }
}

}  // namespace

void column_sum(const Tensor& out, const Matrix& m) {
  BRAINMT_CHECK(out.count() == m.cols, "{} sums of {} columns", out.count(), m.cols);
  dispatch(m.tensor.dtype(), [&]<class T>() {
    for (std::int64_t j = 0; j < m.cols; j += kColumns)
      sum_group(out.data<Master<T>>() + j, m.tensor.data<T>() + m.begin + j, m.rows(), std::min(kColumns, m.cols - j),
                m.ld());
  });
}

}  // namespace brainmt::dnn::detail
