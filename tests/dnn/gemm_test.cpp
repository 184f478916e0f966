// The three passes of a linear layer against kernels/ref/gemm.hpp in double: all types, odd sizes, column slices of
// wider matrices, accumulation, mixed activation and master types.
#include "dnn/gemm.hpp"

#include "dense_checks.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::dnn {
namespace {

using testing::Values;

struct Case {
  DType type;
  std::int64_t rows, out, in;
};

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return fmt::format("{}_{}x{}x{}", name_of(c.type), c.rows, c.out, c.in);
}

// A matrix inside a wider one, so that a wrong row stride shows; `untouched` tells whether the rest kept its values.
class Slice {
 public:
  Slice(std::int64_t rows, std::int64_t cols, DType type, unsigned seed)
      : whole_(testing::random_tensor({rows, cols + kLeft + kRight}, type, seed)),
        before_(whole_.to_host()),
        cols_(cols) {}

  AnyMatrix matrix() const { return whole_.columns(kLeft, cols_); }
  Values values() const { return columns(whole_.to_host()); }
  Values before() const { return columns(before_); }
  bool untouched() const {
    const Values now = whole_.to_host();
    for (std::size_t i = 0; i < now.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) % whole_.cols() - kLeft;
      if ((column < 0 || column >= cols_) && now[i] != before_[i]) return false;
    }
    return true;
  }

 private:
  static constexpr std::int64_t kLeft = 3;
  static constexpr std::int64_t kRight = 2;
  Values columns(const Values& all) const {
    Values picked;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) % whole_.cols() - kLeft;
      if (column >= 0 && column < cols_) picked.push_back(all[i]);
    }
    return picked;
  }
  Tensor whole_;
  Values before_;
  std::int64_t cols_;
};

// op(a) op(b) + start, and the same of absolute values, for matrices without gaps.
struct Expected {
  Values value, magnitude;
  Expected(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, const Values& a, const Values& b,
           const Values& start)
      : value(start), magnitude(testing::absolute(start)) {
    const auto size = [](std::int64_t v) { return static_cast<std::size_t>(v); };
    const auto multiply = [&](Values& c, const Values& x, const Values& y) {
      kernels::ref::gemm(ta, tb, size(m), size(n), size(k), 1.0, x.data(), size(ta ? m : k), y.data(), size(tb ? k : n),
                         1.0, c.data(), size(n));
    };
    multiply(value, a, b);
    multiply(magnitude, testing::absolute(a), testing::absolute(b));
  }
};

Values repeated_rows(const Values& row, std::int64_t rows) {
  Values all;
  for (std::int64_t i = 0; i < rows; ++i) all.insert(all.end(), row.begin(), row.end());
  return all;
}

class LinearTest : public ::testing::TestWithParam<Case> {
 protected:
  DType type() const { return GetParam().type; }
  DType master() const { return master_of(type()); }
  std::int64_t rows() const { return GetParam().rows; }
  std::int64_t out() const { return GetParam().out; }
  std::int64_t in() const { return GetParam().in; }
};

TEST_P(LinearTest, Forward) {
  for (const DType weight_type : {master(), type()})
    for (const DType result_type : {master(), type()}) {
      const Slice x(rows(), in(), type(), 1);
      const Slice y(rows(), out(), result_type, 2);
      const Tensor w = testing::random_tensor({out(), in()}, weight_type, 3);
      const Tensor bias = testing::random_tensor({out()}, master(), 4);
      linear_fwd(y.matrix(), x.matrix(), w, bias);
      const Expected expected(false, true, rows(), out(), in(), x.values(), testing::seen_as(w, type()),
                              repeated_rows(bias.to_host(), rows()));
      testing::expect_matmul(y.values(), expected.value, expected.magnitude, double(in() + 1), result_type, "y");
      EXPECT_TRUE(y.untouched());
    }
}

TEST_P(LinearTest, ForwardWithoutBiasIgnoresWhatWasThere) {
  const Tensor x = testing::random_tensor({rows(), in()}, type(), 1);
  const Tensor w = testing::random_tensor({out(), in()}, master(), 2);
  const Tensor y = testing::random_tensor({rows(), out()}, type(), 3);
  linear_fwd(y, x, w, {});
  const Expected expected(false, true, rows(), out(), in(), x.to_host(), testing::seen_as(w, type()),
                          Values(static_cast<std::size_t>(rows() * out())));
  testing::expect_matmul(y.to_host(), expected.value, expected.magnitude, double(in()), type(), "y");
}

TEST_P(LinearTest, BackwardData) {
  for (const bool accumulate : {false, true})
    for (const DType result_type : {master(), type()}) {
      const Slice dy(rows(), out(), type(), 1);
      const Slice dx(rows(), in(), result_type, 2);
      const Tensor w = testing::random_tensor({out(), in()}, master(), 3);
      linear_bwd_data(dx.matrix(), dy.matrix(), w, accumulate);
      const Expected expected(false, false, rows(), in(), out(), dy.values(), testing::seen_as(w, type()),
                              accumulate ? dx.before() : Values(dx.before().size()));
      testing::expect_matmul(dx.values(), expected.value, expected.magnitude, double(out() + 1), result_type, "dx");
      EXPECT_TRUE(dx.untouched());
    }
}

TEST_P(LinearTest, BackwardWeightsAdd) {
  const Slice dy(rows(), out(), type(), 1);
  const Slice x(rows(), in(), type(), 2);
  const Tensor dw = testing::random_tensor({out(), in()}, master(), 3);
  const Tensor dbias = testing::random_tensor({out()}, master(), 4);
  const Expected weights(true, false, out(), in(), rows(), dy.values(), x.values(), dw.to_host());
  const Values ones(static_cast<std::size_t>(rows()), 1.0);
  const Expected sums(false, false, 1, out(), rows(), ones, dy.values(), dbias.to_host());
  linear_bwd_weights(dw, dbias, dy.matrix(), x.matrix());
  testing::expect_matmul(dw.to_host(), weights.value, weights.magnitude, double(rows() + 1), master(), "dw");
  testing::expect_matmul(dbias.to_host(), sums.value, sums.magnitude, double(rows() + 1), master(), "dbias");
}

// The gradient of a master-type output (a residual stream) meets bf16 activations.
TEST_P(LinearTest, BackwardOfMasterTypeOutput) {
  const Tensor dy = testing::random_tensor({rows(), out()}, master(), 1);
  const Tensor x = testing::random_tensor({rows(), in()}, type(), 2);
  const Tensor w = testing::random_tensor({out(), in()}, master(), 3);
  const Tensor dw = Tensor::zeros({out(), in()}, master());
  const Tensor dx(x.shape(), type());
  linear_bwd_data(dx, dy, w, false);
  linear_bwd_weights(dw, {}, dy, x);
  const Values dy_seen = testing::seen_as(dy, type());
  const Expected data(false, false, rows(), in(), out(), dy_seen, testing::seen_as(w, type()),
                      Values(x.to_host().size()));
  const Expected weights(true, false, out(), in(), rows(), dy_seen, x.to_host(), Values(w.to_host().size()));
  testing::expect_matmul(dx.to_host(), data.value, data.magnitude, double(out()), type(), "dx");
  testing::expect_matmul(dw.to_host(), weights.value, weights.magnitude, double(rows()), master(), "dw");
}

TEST_P(LinearTest, TwoRunsGiveEqualBits) {
  const Tensor x = testing::random_tensor({rows(), in()}, type(), 1);
  const Tensor w = testing::random_tensor({out(), in()}, master(), 2);
  const Tensor first({rows(), out()}, type());
  const Tensor second({rows(), out()}, type());
  linear_fwd(first, x, w, {});
  linear_fwd(second, x, w, {});
  EXPECT_EQ(first.to_host(), second.to_host());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType type : {DType::kF32, DType::kBf16, DType::kF64})
    for (const auto& [rows, out, in] : {std::array{1, 1, 1},
                                        {1, 2, 64},
                                        {5, 3, 7},
                                        {33, 40, 17},
                                        {64, 32, 2},
                                        {18, 32, 1},
                                        {300, 33, 1},
                                        {40, 1, 32},
                                        {300, 31, 65}})
      all.push_back({type, rows, out, in});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, LinearTest, ::testing::ValuesIn(cases()), name_of_case);

TEST(Linear, NoRowsIsNoWork) {
  const Tensor w = testing::random_tensor({3, 4}, DType::kF32, 1);
  linear_fwd(Tensor({0, 3}, DType::kF32), Tensor({0, 4}, DType::kF32), w, {});
}

TEST(Linear, MismatchIsABug) {
  const Tensor w = testing::random_tensor({3, 4}, DType::kF32, 1);
  EXPECT_THROW(linear_fwd(Tensor({2, 3}, DType::kF32), Tensor({2, 5}, DType::kF32), w, {}), InternalError);
}

}  // namespace
}  // namespace brainmt::dnn
