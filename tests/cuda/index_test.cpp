// Index arithmetic of the layer on the host: strided operands as cuBLASLt's column-major matrices, the position of a
// weight in the published layout, and the blocks of attention's backward pass.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "cuda/attention_pieces.hpp"
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
  std::int64_t index = 0;
  for (std::int64_t out = 0; out < kOut; ++out)
    for (std::int64_t tap = 0; tap < kTaps; ++tap)
      for (std::int64_t in = 0; in < kIn; ++in) {
        const std::int64_t published = published_index(index++, kIn, kTaps);
        ASSERT_EQ(published, (out * kIn + in) * kTaps + tap);
        seen.insert(published);
      }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kOut * kIn * kTaps));
}

TEST(AttentionBlocks, AreAllQueriesOnceAndSmallEnough) {
  constexpr std::int64_t kTile = 128;
  for (const std::int64_t queries : {1, 127, 128, 721, 50401, 302401})
    for (const std::int64_t keys : {1, 721, 302401})
      for (const AttentionLimits& limits : {AttentionLimits{1, 1}, AttentionLimits{1 << 20, 1}, AttentionLimits{}}) {
        const AttentionShape shape{2, 3, queries, keys, 64};
        std::int64_t next = 0;
        for (const AttentionPiece& block : query_blocks(shape, 1, 2, limits)) {
          EXPECT_EQ(block.sample, 1);
          EXPECT_EQ(block.head, 2);
          EXPECT_EQ(block.first_query, next);
          EXPECT_EQ(block.first_query % kTile, 0);
          EXPECT_EQ(block.shape.keys, keys);
          EXPECT_EQ(block.shape.batch * block.shape.heads, 1);
          // Beyond the limits a block is at most rounded up to whole tiles.
          const std::int64_t beyond = block.shape.queries - kTile;
          EXPECT_TRUE(2 * beyond * keys <= limits.max_bytes || beyond <= limits.min_queries);
          EXPECT_GT(block.shape.queries, 0);
          next += block.shape.queries;
        }
        EXPECT_EQ(next, queries);
      }
  EXPECT_EQ(query_blocks({1, 2, 50401, 50401, 256}, 0, 0, {}).size(), 5u);
  EXPECT_EQ(query_blocks({1, 2, 302401, 302401, 256}, 0, 0, {}).size(), 37u);
}

TEST(AttentionBlocks, AreMadeWhereAllAtOnceWouldKeepMore) {
  EXPECT_FALSE(keeps_much({1, 1, 1024, 1024, 64}, {2 << 20}));
  EXPECT_TRUE(keeps_much({1, 1, 1024, 1025, 64}, {2 << 20}));
  EXPECT_TRUE(keeps_much({1, 2, 1024, 1024, 64}, {2 << 20}));
  EXPECT_TRUE(keeps_much({1000, 1000, 1 << 30, 1 << 30, 64}, {std::int64_t{1} << 60}));  // no overflow
}

}  // namespace
}  // namespace brainmt::cuda::detail
