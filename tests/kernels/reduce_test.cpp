// Reductions against long double, and the fixed order that makes them repeatable.
#include "kernels/reduce.hpp"

#include <limits>

#include "kernel_test_support.hpp"

namespace brainmt::kernels {
namespace {

template <class T>
class Reduce : public testing::Test {};
using MasterTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(Reduce, MasterTypes);

const std::vector<std::size_t> kCounts = {
    0, 1, 2, 17, kReduceBlock - 1, kReduceBlock, kReduceBlock + 1, 5 * kReduceBlock + 3};

TYPED_TEST(Reduce, SumsMatchLongDouble) {
  for (std::size_t count : kCounts) {
    const Buffer<TypeParam> x(random_values(count, 1));
    long double sum_want = 0, squares_want = 0, magnitude = 0;
    for (double v : x.values()) {
      sum_want += v;
      squares_want += static_cast<long double>(v) * v;
      magnitude += std::abs(v);
    }
    // In double whatever the type: a lane takes block / 16 terms, then trees.
    const double u = (kReduceBlock / 16 + 20) * roundoff<double>();
    EXPECT_NEAR(sum<TypeParam>(Exec(), x.in()), static_cast<double>(sum_want), u * static_cast<double>(magnitude));
    EXPECT_NEAR(sum_of_squares<TypeParam>(Exec(), x.in()), static_cast<double>(squares_want),
                u * static_cast<double>(squares_want));
  }
}

// Integers are summed exactly, so this fails when an element is left out or counted twice, wherever it lies.
TYPED_TEST(Reduce, EveryElementCountsOnce) {
  for (std::size_t count : kCounts) {
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i % 1021);
    double want = 0;
    for (double v : values) want += v;
    EXPECT_EQ(sum<TypeParam>(Exec(), Buffer<TypeParam>(values).in()), want);
  }
}

// The order is fixed by the length: neither another address nor another run changes a bit.
TYPED_TEST(Reduce, ResultDependsOnValuesOnly) {
  constexpr std::size_t kCount = 3 * kReduceBlock + 77;
  const Values values = random_values(kCount, 2);
  const Buffer<TypeParam> aligned(values);
  const double want = sum<TypeParam>(Exec(), aligned.in());
  for (std::size_t shift = 1; shift < 16; shift += 2) {
    Values padded(shift, 0.0);
    padded.insert(padded.end(), values.begin(), values.end());
    const Buffer<TypeParam> shifted(padded);
    EXPECT_EQ(sum<TypeParam>(Exec(), View1<const TypeParam>(shifted.data() + shift, kCount)), want);
  }
}

TYPED_TEST(Reduce, AllFiniteFindsOneBadElementAnywhere) {
  using Limits = std::numeric_limits<double>;
  for (std::size_t count : {std::size_t{1}, std::size_t{17}, 2 * kReduceBlock + 5}) {
    Values values = random_values(count, 3);
    values.front() = std::numeric_limits<TypeParam>::max();  // large, but finite
    EXPECT_TRUE(all_finite<TypeParam>(Exec(), Buffer<TypeParam>(values).in()));
    for (double bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()})
      for (std::size_t place : {std::size_t{0}, count / 2, count - 1}) {
        Values broken = values;
        broken[place] = bad;
        EXPECT_FALSE(all_finite<TypeParam>(Exec(), Buffer<TypeParam>(broken).in())) << bad << " at " << place;
      }
  }
  EXPECT_TRUE(all_finite<TypeParam>(Exec(), Buffer<TypeParam>(Values{}).in()));
}

template <class T>
class ColumnSum : public testing::Test {};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(ColumnSum, StorageTypes);

TYPED_TEST(ColumnSum, AddsToOutAndMatchesLongDoubleOnStridedRows) {
  using T = TypeParam;
  using M = Master<T>;
  for (std::size_t row_count : {1, 3, 63, 64, 65, 700})
    for (std::size_t cols : kOddSizes) {
      const std::size_t ld = cols + 5;
      const Buffer<T> x(random_values(row_count * ld, 4));
      Buffer<M> out(random_values(cols, 5)), again(out.values());
      const Values values = x.values(), start = out.values();
      Values want(cols);
      for (std::size_t c = 0; c < cols; ++c) {
        long double sum = start[c];
        for (std::size_t r = 0; r < row_count; ++r) sum += values[r * ld + c];
        want[c] = static_cast<double>(sum);
      }
      const auto matrix = rows<const T>(x.data(), row_count, cols, ld);
      column_sum<T>(Exec(), out.flat(), matrix);
      column_sum<T>(Exec(), again.flat(), matrix);
      // 64 terms in a block, then one for each block; partial sums stay below 5 sqrt(rows) here.
      const double terms = 65 + static_cast<double>(row_count) / 64;
      expect_close(out.values(), want, terms * 5 * std::sqrt(row_count) * roundoff<M>(), 0, "out");
      EXPECT_EQ(out.values(), again.values());
    }
}

}  // namespace
}  // namespace brainmt::kernels
