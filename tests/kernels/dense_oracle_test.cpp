// The reference product and convolution: the product against its definition for every flag, the convolution's gradients
// against central differences, and its forward pass on a case that can be done by hand.
#include <array>

#include "kernel_test_support.hpp"
#include "kernels/ref/conv3d.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::kernels {
namespace {

TEST(GemmOracle, MatchesDefinitionForEveryFlag) {
  constexpr std::size_t m = 3, n = 4, k = 5, lda = 7, ldb = 8, ldc = 6;
  const Values a = random_values(7 * lda, 1), b = random_values(8 * ldb, 2), c = random_values(m * ldc, 3);
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (double beta : {0.0, 1.0, -0.5}) {
        Values got = c, want = c;
        for (std::size_t i = 0; i < m; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            double sum = 0;
            for (std::size_t p = 0; p < k; ++p)
              sum += (ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]);
            want[i * ldc + j] = 2.0 * sum + beta * c[i * ldc + j];
          }
        ref::gemm(ta, tb, m, n, k, 2.0, a.data(), lda, b.data(), ldb, beta, got.data(), ldc);
        expect_close(got, want, 64 * roundoff<double>(), 0, "c");
      }
}

TEST(GemmOracle, BetaZeroIgnoresOldContent) {
  const Values a{2}, b{3};
  Values c{std::nan("")};
  ref::gemm(false, false, 1, 1, 1, 1.0, a.data(), 1, b.data(), 1, 0.0, c.data(), 1);
  EXPECT_EQ(c[0], 6.0);
}

Conv3dShape conv_shape(std::array<std::int64_t, 3> in, int kernel, int stride, int padding) {
  Conv3dShape s{in, {}, 2, 2, 3, kernel, stride, padding};
  for (int axis = 0; axis < 3; ++axis) s.out[axis] = (in[axis] + 2 * padding - kernel) / stride + 1;
  return s;
}

TEST(Conv3dOracle, CountsNeighboursWithUnitInput) {
  // Ones everywhere: an output is the number of kernel taps inside, plus the bias.
  Conv3dShape s{{3, 3, 3}, {3, 3, 3}, 1, 1, 1, 3, 1, 1};
  const Values x(27, 1.0), w(27, 1.0), bias{0.5};
  Values y(27);
  ref::conv3d_fwd(y.data(), x.data(), w.data(), bias.data(), s);
  EXPECT_EQ(y[0], 8.5);    // a corner
  EXPECT_EQ(y[1], 12.5);   // an edge
  EXPECT_EQ(y[4], 18.5);   // a face
  EXPECT_EQ(y[13], 27.5);  // the centre
}

TEST(Conv3dOracle, TapsAreOrderedDepthHeightWidth) {
  // One weight, at tap (0, 1, 2) of a cross-correlation with padding 1: y[d, h, w] = x[d - 1, h, w + 1].
  Conv3dShape s{{2, 3, 4}, {2, 3, 4}, 1, 1, 1, 3, 1, 1};
  const Values x = random_values(24, 1);
  Values w(27, 0.0), y(24);
  w[0 * 9 + 1 * 3 + 2] = 1;
  ref::conv3d_fwd<double>(y.data(), x.data(), w.data(), nullptr, s);
  EXPECT_EQ(y[12 + 4 * 1 + 0], x[4 * 1 + 1]);
  EXPECT_EQ(y[12 + 4 * 2 + 3], 0.0);  // beyond the border
  EXPECT_EQ(y[0], 0.0);
}

TEST(Conv3dOracle, GradientsMatchCentralDifferences) {
  for (const auto& s : {conv_shape({3, 4, 5}, 3, 1, 1), conv_shape({3, 4, 5}, 3, 2, 1), conv_shape({3, 3, 4}, 2, 1, 0),
                        conv_shape({2, 2, 2}, 1, 1, 0)}) {
    Values x = random_values(s.in_voxels() * 2, 1), w = random_values(s.taps() * 6, 2), bias = random_values(3, 3);
    Values y(s.out_voxels() * 3), dx(x.size(), 9.0), dw(w.size(), 0.0), dbias(3, 0.0);
    const Values dy = random_values(y.size(), 4);
    const auto loss = [&] {
      ref::conv3d_fwd(y.data(), x.data(), w.data(), bias.data(), s);
      return dot(y, dy);
    };
    ref::conv3d_bwd_data(dx.data(), dy.data(), w.data(), s);
    ref::conv3d_bwd_weights(dw.data(), dbias.data(), dy.data(), x.data(), s);
    expect_gradient(loss, x, dx, "dx");
    expect_gradient(loss, w, dw, "dw");
    expect_gradient(loss, bias, dbias, "dbias");
    Values twice = dw;
    ref::conv3d_bwd_weights<double>(twice.data(), nullptr, dy.data(), x.data(), s);
    for (double& value : twice) value /= 2;
    expect_close(twice, dw, 1e-12, 0, "dw is added to");
  }
}

}  // namespace
}  // namespace brainmt::kernels
