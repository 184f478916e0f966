// Products on the GPU against kernels/ref/gemm.hpp in double: types, transposes, slices of wider matrices, bias,
// accumulation, master weights, both ways of selection.
#include <fmt/format.h>

#include "cuda/choices.hpp"
#include "cuda/gemm.hpp"
#include "device_checks.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::cuda {
namespace {

using testing::Buffer;
using testing::Values;

// A matrix between other columns, row-major, `transposed` on request.
struct Slice {
  static constexpr std::int64_t kLeft = 8, kRight = 16;
  std::int64_t rows, cols;
  Type type;
  Values values;  // of the matrix alone
  Values whole_before;
  Buffer whole;

  Slice(std::int64_t r, std::int64_t c, Type t, unsigned seed)
      : rows(r), cols(c), type(t), whole_before(testing::random_values(r * ld(), t, seed)), whole(whole_before, t) {
    values = columns(whole_before);
  }
  std::int64_t ld() const { return cols + kLeft + kRight; }
  Matrix matrix() const { return {whole.at(kLeft), type, rows, cols, ld()}; }
  ConstMatrix operand() const { return {whole.at(kLeft), type, rows, cols, ld()}; }
  Values now() const { return columns(whole.values()); }
  bool untouched_outside() const {
    const Values after = whole.values();
    for (std::size_t i = 0; i < after.size(); ++i)
      if (!inside(i) && after[i] != whole_before[i]) return false;
    return true;
  }

 private:
  bool inside(std::size_t i) const {
    const std::int64_t column = static_cast<std::int64_t>(i) % ld() - kLeft;
    return column >= 0 && column < cols;
  }
  Values columns(const Values& all) const {
    Values picked;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (inside(i)) picked.push_back(all[i]);
    return picked;
  }
};

struct Case {
  Type a, b, c;
  bool transpose_a, transpose_b, bias, accumulate;
  std::int64_t m, n, k;
  std::string text() const {
    return fmt::format("{} = {}{} {}{}{}{} [{}, {}, {}]", name_of(c), name_of(a), transpose_a ? "^T" : "", name_of(b),
                       transpose_b ? "^T" : "", bias ? " + bias" : "", accumulate ? " +=" : "", m, n, k);
  }
};

// What the product in bf16 sees of a master weight.
Values seen(Values values, Type type, Type product) {
  if (type != product && product == Type::kBf16)
    for (double& v : values) v = float{bf16(static_cast<float>(v))};
  return values;
}

class Gemm : public testing::OnDevice {
 protected:
  void expect_right(const Case& c) {
    const auto size = [](std::int64_t v) { return static_cast<std::size_t>(v); };
    const Slice a(c.transpose_a ? c.k : c.m, c.transpose_a ? c.m : c.k, c.a, 1);
    const Slice b(c.transpose_b ? c.n : c.k, c.transpose_b ? c.k : c.n, c.b, 2);
    const Slice out(c.m, c.n, c.c, 3);
    const Values bias_values = testing::random_values(c.n, testing::master_of(c.c), 4);
    const Buffer bias(bias_values, testing::master_of(c.c));
    gemm(context, out.matrix(), c.transpose_a ? a.operand().transposed() : a.operand(),
         c.transpose_b ? b.operand().transposed() : b.operand(), c.bias ? bias.data() : nullptr, c.accumulate);

    const Type product = c.a == Type::kBf16 || c.b == Type::kBf16 ? Type::kBf16 : c.a;
    const auto reference = [&](bool of_magnitudes) {
      const auto as = [&](const Values& v) { return of_magnitudes ? testing::absolute(v) : v; };
      Values sums = c.accumulate ? as(out.values) : Values(size(c.m * c.n), 0.0);
      const Values left = as(seen(a.values, c.a, product)), right = as(seen(b.values, c.b, product));
      kernels::ref::gemm(c.transpose_a, c.transpose_b, size(c.m), size(c.n), size(c.k), 1.0, left.data(), size(a.cols),
                         right.data(), size(b.cols), 1.0, sums.data(), size(c.n));
      if (c.bias)
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += as(bias_values)[i % size(c.n)];
      return sums;
    };
    // A bf16 result takes its bias rounded to bf16, and rounds twice where the bias is added separately.
    const bool rounds_bias = c.bias && c.c == Type::kBf16;
    const Values value = reference(false), magnitude = reference(true);
    const double largest = *std::max_element(magnitude.begin(), magnitude.end());
    testing::expect_sums(out.now(), value, magnitude, static_cast<double>(c.k) + 2, c.c, c.text(),
                         rounds_bias ? testing::rounding_unit(Type::kBf16) * (1.0 + largest) : 0.0);
    EXPECT_TRUE(out.untouched_outside()) << c.text();
  }
  void expect_all_right() {
    constexpr Type f = Type::kF32, h = Type::kBf16, d = Type::kF64;
    for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{{1, 24, 64}, {721, 128, 40}, {96, 8, 1000}}) {
      for (const auto& types :
           std::vector<std::array<Type, 3>>{{f, f, f}, {h, h, h}, {h, h, f}, {h, f, h}, {d, d, d}}) {
        expect_right({types[0], types[1], types[2], false, true, true, false, m, n, k});    // forward
        expect_right({types[0], types[1], types[2], false, false, false, false, m, n, k});  // backward, data
        expect_right({types[0], types[1], types[2], false, false, false, true, m, n, k});
      }
      expect_right({f, f, f, true, false, false, true, m, n, k});  // backward, weights
      expect_right({h, h, f, true, false, false, true, m, n, k});
    }
  }
};

TEST_F(Gemm, IsRightForEveryPassAndType) { expect_all_right(); }

TEST_F(Gemm, IsRightWithTimedSelection) {
  context.selection = Selection::kTimed;
  const std::size_t before = choices().size();
  expect_right({Type::kBf16, Type::kBf16, Type::kF32, true, false, false, true, 136, 72, 200});
  EXPECT_EQ(choices().size(), before + 1);
}

TEST_F(Gemm, IsRightAtOddAddresses) {
  const Values a_values = testing::random_values(37 * 13 + 1, Type::kBf16, 1);
  const Values b_values = testing::random_values(13 * 11 + 1, Type::kBf16, 2);
  const Buffer a(a_values, Type::kBf16), b(b_values, Type::kBf16), c(Values(37 * 11, 0.0), Type::kF32);
  gemm(context, {c.data(), Type::kF32, 37, 11, 11}, {a.at(1), Type::kBf16, 37, 13, 13},
       {b.at(1), Type::kBf16, 13, 11, 11}, nullptr, false);
  const auto product = [](const Values& x, const Values& y) {
    Values sums(37 * 11);
    kernels::ref::gemm(false, false, 37, 11, 13, 1.0, x.data() + 1, 13, y.data() + 1, 11, 0.0, sums.data(), 11);
    return sums;
  };
  testing::expect_sums(c.values(), product(a_values, b_values),
                       product(testing::absolute(a_values), testing::absolute(b_values)), 13, Type::kF32, "odd");
}

TEST_F(Gemm, SaysWhatItHadNoMemoryFor) {
  const Slice a(8, 24, Type::kBf16, 1), b(24, 16, Type::kBf16, 2), c(8, 16, Type::kBf16, 3);
  const Buffer bias(Values(16, 0.0), Type::kF32);
  const auto message = [&] {
    try {
      gemm(context, c.matrix(), a.operand(), b.operand(), bias.data(), false);
    } catch (const DeviceMemoryError& error) {
      return std::string(error.what());
    }
    return std::string("no DeviceMemoryError");
  };
  context.allocate = [](std::size_t) { return nullptr; };
  EXPECT_NE(message().find("out of memory in the bias of gemm bf16[8, 16]"), std::string::npos) << message();
  context.allocate = [](std::size_t) -> std::shared_ptr<void> { throw std::bad_alloc(); };
  EXPECT_NE(message().find("asked for"), std::string::npos) << message();
}

TEST_F(Gemm, RepeatsBitForBit) {
  const Slice a(721, 1000, Type::kBf16, 1), b(721, 96, Type::kBf16, 2);
  const auto once = [&] {
    const Slice c(1000, 96, Type::kF32, 3);
    gemm(context, c.matrix(), a.operand().transposed(), b.operand(), nullptr, true);
    return c.now();
  };
  const Values first = once();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(once(), first);
}

}  // namespace
}  // namespace brainmt::cuda
