// Products on the GPU against kernels/ref/gemm.hpp in double: types, transposes, slices of wider matrices, bias,
// accumulation, master weights, both ways of selection; GELU as their epilogue.
#include <fmt/format.h>

#include <numbers>

#include "cuda/choices.hpp"
#include "cuda/gemm.hpp"
#include "device_checks.hpp"
#include "kernels/ref/activations.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::cuda {
namespace {

using testing::Buffer;
using testing::Values;

// A matrix between other columns, row-major, `transposed` on request.
struct Slice {
  static constexpr std::int64_t kLeft = 8;
  std::int64_t rows, cols, right;
  DType type;
  Values values;  // of the matrix alone
  Values whole_before;
  Buffer whole;

  Slice(std::int64_t r, std::int64_t c, DType t, unsigned seed, std::int64_t behind = 16)
      : rows(r),
        cols(c),
        right(behind),
        type(t),
        whole_before(testing::random_values(r * ld(), t, seed)),
        whole(whole_before, t) {
    values = columns(whole_before);
  }
  std::int64_t ld() const { return cols + kLeft + right; }
  AnyMatrix matrix() const { return {whole.at(kLeft), type, rows, cols, ld()}; }
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
  DType a, b, c;
  bool transpose_a, transpose_b, bias, accumulate;
  std::int64_t m, n, k;
  std::string text() const {
    return fmt::format("{} = {}{} {}{}{}{} [{}, {}, {}]", name_of(c), name_of(a), transpose_a ? "^T" : "", name_of(b),
                       transpose_b ? "^T" : "", bias ? " + bias" : "", accumulate ? " +=" : "", m, n, k);
  }
};

// What the product in bf16 sees of a master weight.
Values seen(Values values, DType type, DType product) {
  if (type != product && product == DType::kBf16)
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
    const Values bias_values = testing::random_values(c.n, master_of(c.c), 4);
    const Buffer bias(bias_values, master_of(c.c));
    gemm(context, out.matrix(), c.transpose_a ? a.matrix().transposed() : a.matrix(),
         c.transpose_b ? b.matrix().transposed() : b.matrix(), c.bias ? bias.data() : nullptr, c.accumulate);

    const DType product = c.a == DType::kBf16 || c.b == DType::kBf16 ? DType::kBf16 : c.a;
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
    const bool rounds_bias = c.bias && c.c == DType::kBf16;
    const Values value = reference(false), magnitude = reference(true);
    const double largest = *std::max_element(magnitude.begin(), magnitude.end());
    testing::expect_sums(out.now(), value, magnitude, static_cast<double>(c.k) + 2, c.c, c.text(),
                         rounds_bias ? testing::rounding_unit(DType::kBf16) * (1.0 + largest) : 0.0);
    EXPECT_TRUE(out.untouched_outside()) << c.text();
  }
  void expect_all_right() {
    constexpr DType f = DType::kF32, h = DType::kBf16, d = DType::kF64;
    for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{{1, 24, 64}, {721, 128, 40}, {96, 8, 1000}}) {
      for (const auto& types :
           std::vector<std::array<DType, 3>>{{f, f, f}, {h, h, h}, {h, h, f}, {h, f, h}, {d, d, d}}) {
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
  expect_right({DType::kBf16, DType::kBf16, DType::kF32, true, false, false, true, 136, 72, 200});
  EXPECT_EQ(choices().size(), before + 1);
}

// A rank whose choice lost has a plan already. That it asks again shows where the new choice cannot be had.
TEST_F(Gemm, AsksAgainWhenChoicesWereAdopted) {
  const Case c{DType::kF32, DType::kF32, DType::kF32, false, false, false, false, 40, 56, 24};
  expect_right(c);
  const Choices before = choices();
  Choices impossible = before;
  const auto mine = std::find_if(impossible.begin(), impossible.end(),
                                 [](const auto& entry) { return entry.first.starts_with("gemm fp32[40, 56]"); });
  ASSERT_NE(mine, impossible.end());
  mine->second = 99;
  adopt_choices(impossible);
  expect_right(c);
  EXPECT_EQ(choices(), before);
}

TEST_F(Gemm, IsRightAtOddAddresses) {
  const Values a_values = testing::random_values(37 * 13 + 1, DType::kBf16, 1);
  const Values b_values = testing::random_values(13 * 11 + 1, DType::kBf16, 2);
  const Buffer a(a_values, DType::kBf16), b(b_values, DType::kBf16), c(Values(37 * 11, 0.0), DType::kF32);
  gemm(context, {c.data(), DType::kF32, 37, 11, 11}, {a.at(1), DType::kBf16, 37, 13, 13},
       {b.at(1), DType::kBf16, 13, 11, 11}, nullptr, false);
  const auto matmul = [](const Values& x, const Values& y) {
    Values sums(37 * 11);
    kernels::ref::gemm(false, false, 37, 11, 13, 1.0, x.data() + 1, 13, y.data() + 1, 11, 0.0, sums.data(), 11);
    return sums;
  };
  testing::expect_sums(c.values(), matmul(a_values, b_values),
                       matmul(testing::absolute(a_values), testing::absolute(b_values)), 13, DType::kF32, "odd");
}

TEST_F(Gemm, SaysWhatItHadNoMemoryFor) {
  const Slice a(8, 24, DType::kBf16, 1), b(24, 16, DType::kBf16, 2), c(8, 16, DType::kBf16, 3);
  const Buffer bias(Values(16, 0.0), DType::kF32);
  const auto message = [&] {
    try {
      gemm(context, c.matrix(), a.matrix(), b.matrix(), bias.data(), false);
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
  const Slice a(721, 1000, DType::kBf16, 1), b(721, 96, DType::kBf16, 2);
  const auto once = [&] {
    const Slice c(1000, 96, DType::kF32, 3);
    gemm(context, c.matrix(), a.matrix().transposed(), b.matrix(), nullptr, true);
    return c.now();
  };
  const Values first = once();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(once(), first);
}

// x w^T + bias and GELU's slope there, as a layer and the one behind it have them: c, pre and the gradient are slices.
//
// Tolerances, beside those of a sum (device_checks.hpp). The bias is rounded to bf16, as in any product of that type. A
// device may take tanh from an instruction that is off by 2^-11 of its value (tanh.approx.f32), so with u the argument
// of tanh,
//   |d gelu| <= 2^-12 |x|,   |d gelu'| <= 2^-11 (1/2 + |x| u'(x)),
// and an error e of x moves GELU and its slope by at most 1.13 e and 0.8 e.
class GemmGelu : public Gemm {
 protected:
  static constexpr double kTanh = 0x1p-11, kSteepest = 1.13;

  struct Sums {
    Values value, magnitude;
  };
  // x w^T for a transposed b, else x w.
  static Sums matmul(const Slice& x, const Slice& w, bool transpose) {
    const auto size = [](std::int64_t v) { return static_cast<std::size_t>(v); };
    const std::int64_t n = transpose ? w.rows : w.cols;
    const auto multiply = [&](const Values& a, const Values& b) {
      Values sums(size(x.rows * n));
      kernels::ref::gemm(false, transpose, size(x.rows), size(n), size(x.cols), 1.0, a.data(), size(x.cols), b.data(),
                         size(w.cols), 0.0, sums.data(), size(n));
      return sums;
    };
    return {multiply(x.values, w.values), multiply(testing::absolute(x.values), testing::absolute(w.values))};
  }
  static double slope_error(double x) {
    return kTanh * (0.5 + std::abs(x) * std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * x * x));
  }
  static double stored(double value) { return testing::rounding_unit(DType::kBf16) * (std::abs(value) + 0x1p-24); }

  void expect_forward(std::int64_t m, std::int64_t n, std::int64_t k) {
    const std::string what = fmt::format("[{}, {}, {}]", m, n, k);
    const Slice x(m, k, DType::kBf16, 1), w(n, k, DType::kBf16, 2), y(m, n, DType::kBf16, 3),
        pre(m, n, DType::kBf16, 4, 24);
    const Values bias_values = testing::random_values(n, DType::kF32, 5);
    const Buffer bias(bias_values, DType::kF32);
    ASSERT_TRUE(gemm_gelu(context, y.matrix(), pre.matrix(), x.matrix(), w.matrix().transposed(), bias.data())) << what;
    Sums sums = matmul(x, w, true);
    const Values gelu = y.now(), kept = pre.now();
    for (std::size_t i = 0; i < gelu.size(); ++i) {
      const double b = bias_values[i % static_cast<std::size_t>(n)];
      const double sum = sums.value[i] + b;
      const double error = (static_cast<double>(k) + 2) * 0x1p-24 * (sums.magnitude[i] + std::abs(b)) + stored(b);
      ASSERT_LE(std::abs(kept[i] - sum), error + stored(sum)) << "pre of " << what << " at " << i;
      const double expected = kernels::ref::GeluTanh::value(sum);
      ASSERT_LE(std::abs(gelu[i] - expected), kSteepest * error + kTanh / 2 * std::abs(sum) + stored(expected))
          << "gelu of " << what << " at " << i << ", of " << sum;
    }
    EXPECT_TRUE(y.untouched_outside() && pre.untouched_outside()) << what;
  }

  void expect_backward(std::int64_t m, std::int64_t n, std::int64_t k) {
    const std::string what = fmt::format("backward [{}, {}, {}]", m, n, k);
    const Slice dy(m, k, DType::kBf16, 1), w(k, n, DType::kBf16, 2), dpre(m, n, DType::kBf16, 3),
        pre(m, n, DType::kBf16, 4, 24);
    ASSERT_TRUE(gemm_gelu_bwd(context, dpre.matrix(), pre.matrix(), dy.matrix(), w.matrix())) << what;
    const Sums sums = matmul(dy, w, false);
    const Values got = dpre.now();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double slope = kernels::ref::GeluTanh::slope(pre.values[i]);
      const double expected = sums.value[i] * slope;
      const double error = (static_cast<double>(k) + 1) * 0x1p-24 * sums.magnitude[i];
      ASSERT_LE(std::abs(got[i] - expected),
                kSteepest * error + slope_error(pre.values[i]) * std::abs(sums.value[i]) + stored(expected))
          << what << " at " << i;
    }
    EXPECT_TRUE(dpre.untouched_outside()) << what;
    EXPECT_EQ(pre.now(), pre.values) << what;
  }
};

TEST_F(GemmGelu, IsRightForwardAndBackward) {
  for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{{1, 24, 64}, {721, 128, 40}, {96, 16, 1000}}) {
    expect_forward(m, n, k);
    expect_backward(m, n, k);
  }
}

TEST_F(GemmGelu, IsRightWithTimedSelection) {
  context.selection = Selection::kTimed;
  const std::size_t before = choices().size();
  expect_forward(136, 72, 200);
  expect_backward(136, 72, 200);
  EXPECT_EQ(choices().size(), before + 2);
}

// One plan serves any addresses, but none that are less aligned than those that it was made for.
TEST_F(GemmGelu, PlansServeOtherAddresses) {
  const std::int64_t m = 24, n = 32, k = 16;
  const Buffer x(Values(m * k, 1.0), DType::kBf16), w(Values(n * k, 0.25), DType::kBf16);
  const Buffer bias(Values(n, 0.0), DType::kF32), y(Values(m * n, 0.0), DType::kBf16);
  std::vector<Buffer> kept;
  for (const std::int64_t shift : {0, 0, 8}) {
    const Buffer& pre = kept.emplace_back(Values(m * (n + 8) + 8, 0.0), DType::kBf16);
    ASSERT_TRUE(gemm_gelu(context, {y.data(), DType::kBf16, m, n, n}, {pre.at(shift), DType::kBf16, m, n, n + 8},
                          {x.data(), DType::kBf16, m, k, k}, {w.data(), DType::kBf16, k, n, 1, k}, bias.data()));
    EXPECT_EQ(pre.values()[static_cast<std::size_t>(shift)], 4.0);
  }
}

TEST_F(GemmGelu, DeclinesWhatTheLibraryCannotTake) {
  const std::int64_t m = 6, k = 8;
  std::int64_t n = 16;
  const auto declines = [&](DType type, std::int64_t pre_ld, std::int64_t shift) {
    const Buffer x(Values(m * k, 1.0), type), w(Values(n * k, 1.0), type), bias(Values(n, 1.0), master_of(type));
    const Values before(m * (pre_ld + 8), 7.0);
    const Buffer y(before, type), pre(before, type);
    const AnyMatrix a{x.data(), type, m, k, k}, b{w.data(), type, k, n, 1, k};
    const AnyMatrix c{y.data(), type, m, n, n}, kept{pre.at(shift), type, m, n, pre_ld};
    const bool forward = gemm_gelu(context, c, kept, a, b, bias.data());
    const bool backward = gemm_gelu_bwd(context, c, {pre.at(shift), type, m, n, pre_ld}, a, b);
    EXPECT_EQ(forward, backward);
    if (!forward) {
      EXPECT_EQ(y.values(), before);
      EXPECT_EQ(pre.values(), before);
    }
    return !forward;
  };
  EXPECT_TRUE(declines(DType::kF32, n, 0));
  EXPECT_TRUE(declines(DType::kF64, n, 0));
  EXPECT_TRUE(declines(DType::kBf16, n + 4, 0)) << "rows that do not begin 16 bytes apart";
  EXPECT_TRUE(declines(DType::kBf16, n, 1)) << "an odd address";
  EXPECT_FALSE(declines(DType::kBf16, n + 8, 0));
  // The library's word decides, the second time from the cache of plans; the emulation has none of eight columns.
  n = 8;
  EXPECT_EQ(declines(DType::kBf16, n, 0), declines(DType::kBf16, n, 0));
}

}  // namespace
}  // namespace brainmt::cuda
