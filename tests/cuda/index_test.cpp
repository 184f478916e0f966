// Index arithmetic of the layer on the host: strided operands as cuBLASLt's column-major matrices, and the place of a
// weight in the published layout.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "cuda/gemm_layout.hpp"
#include "cuda/layout_kernels.hpp"

namespace brainmt::cuda::detail {
namespace {

struct Strided {
  std::int64_t rows, cols, row_stride, col_stride;
};

// Every element (i, j) of X must be element (j, i) of op(memory).
void expect_transpose(const Strided& x) {
  const auto layout = column_major_transpose(x.rows, x.cols, x.row_stride, x.col_stride);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(layout->transpose ? layout->cols : layout->rows, x.cols);
  EXPECT_EQ(layout->transpose ? layout->rows : layout->cols, x.rows);
  EXPECT_GE(layout->ld, layout->rows);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t j = 0; j < x.cols; ++j) {
      const std::int64_t row = layout->transpose ? i : j, col = layout->transpose ? j : i;
      ASSERT_EQ(row + col * layout->ld, i * x.row_stride + j * x.col_stride) << i << ", " << j;
    }
}

TEST(GemmLayout, FindsEveryElement) {
  for (const Strided& x : std::vector<Strided>{{3, 5, 5, 1},  // row-major
                                               {3, 5, 9, 1},  // columns of a wider matrix
                                               {5, 3, 1, 5},  // its transpose
                                               {5, 3, 1, 9},  // transposed columns of a wider one
                                               {1, 5, 1, 1},  // a transposed column vector
                                               {5, 1, 1, 1},  // a column vector
                                               {5, 1, 1, 7},  // a transposed row of a wider matrix
                                               {1, 5, 7, 1},  // a row of a wider matrix
                                               {1, 5, 1, 7},  // a transposed column of a wider matrix
                                               {1, 1, 1, 1}})
    expect_transpose(x);
}

TEST(GemmLayout, RefusesWhatIsNoMatrixOfTheLibrary) {
  EXPECT_FALSE(column_major_transpose(3, 5, 10, 2).has_value());  // no stride of 1
  EXPECT_FALSE(column_major_transpose(3, 5, 4, 1).has_value());   // overlapping rows
}

TEST(KernelLayout, IsAPermutationThatMovesTapsBehindChannels) {
  constexpr std::int64_t kOut = 3, kIn = 5, kTaps = 27;
  std::set<std::int64_t> seen;
  std::int64_t place = 0;
  for (std::int64_t out = 0; out < kOut; ++out)
    for (std::int64_t tap = 0; tap < kTaps; ++tap)
      for (std::int64_t in = 0; in < kIn; ++in) {
        const std::int64_t published = published_index(place++, kIn, kTaps);
        ASSERT_EQ(published, (out * kIn + in) * kTaps + tap);
        seen.insert(published);
      }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kOut * kIn * kTaps));
}

}  // namespace
}  // namespace brainmt::cuda::detail
