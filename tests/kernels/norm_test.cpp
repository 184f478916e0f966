// LayerNorm, RMSNorm and the fused residual add: oracle against central differences, kernels against the oracle.
#include "kernels/norm.hpp"

#include <algorithm>

#include "kernel_test_support.hpp"
#include "kernels/ref/norm.hpp"

namespace brainmt::kernels {
namespace {

constexpr double kEps = 1e-5;

TEST(NormOracle, LayerNormGradientsMatchCentralDifferences) {
  constexpr std::size_t kRows = 3, kCols = 7;
  Values x = random_values(kRows * kCols, 1), w = random_values(kCols, 2), bias = random_values(kCols, 3);
  const Values dy = random_values(kRows * kCols, 4);
  Values y(kRows * kCols), mean(kRows), rstd(kRows), dx(kRows * kCols), dw(kCols), dbias(kCols);
  const auto loss = [&] {
    ref::layer_norm_fwd(y.data(), mean.data(), rstd.data(), x.data(), w.data(), bias.data(), kRows, kCols, kEps);
    return dot(y, dy);
  };
  loss();
  ref::layer_norm_bwd(dx.data(), dw.data(), dbias.data(), dy.data(), x.data(), mean.data(), rstd.data(), w.data(),
                      kRows, kCols, false);
  expect_gradient(loss, x, dx, "dx");
  expect_gradient(loss, w, dw, "dw");
  expect_gradient(loss, bias, dbias, "dbias");
}

TEST(NormOracle, RmsNormGradientsMatchCentralDifferences) {
  constexpr std::size_t kRows = 3, kCols = 7;
  Values x = random_values(kRows * kCols, 5), w = random_values(kCols, 6);
  const Values dy = random_values(kRows * kCols, 7);
  Values y(kRows * kCols), rstd(kRows), dx(kRows * kCols), dw(kCols);
  const auto loss = [&] {
    ref::rms_norm_fwd(y.data(), rstd.data(), x.data(), w.data(), kRows, kCols, kEps);
    return dot(y, dy);
  };
  loss();
  ref::rms_norm_bwd(dx.data(), dw.data(), dy.data(), x.data(), rstd.data(), w.data(), kRows, kCols, false);
  expect_gradient(loss, x, dx, "dx");
  expect_gradient(loss, w, dw, "dw");
}

template <class Input, class Output>
struct Types {
  using R = Input;
  using T = Output;
};

// Errors, in roundoffs u of the master type M: a row sum of n terms in 16 lanes and a tree is off by at most about (n /
// 16 + 6) u of the sum of magnitudes; a sum over rows by (rows per block + blocks + 1) u of the same.
template <class M>
double row_error(std::size_t cols) {
  return (static_cast<double>(cols) / 16 + 10) * roundoff<M>();
}

// The statistics scale everything: with one column LayerNorm divides by sqrt(eps), and rounding grows with rstd.
double amplification(const Values& rstd) { return std::max(1.0, *std::max_element(rstd.begin(), rstd.end())); }

template <class Pair>
class Norms : public testing::Test {
 protected:
  using R = typename Pair::R;
  using T = typename Pair::T;
  using M = Master<T>;

  struct Data {
    std::size_t row_count, cols;
    Buffer<R> x, dx;
    Buffer<T> y, dy;
    Buffer<M> mean, rstd, w, bias, dw, dbias;

    // dx, dw and dbias start from known values, to see what is added to.
    Data(std::size_t n, std::size_t c)
        : row_count(n),
          cols(c),
          x(shifted(random_values(n * c, 8))),
          dx(random_values(n * c, 9)),
          y(n * c),
          dy(random_values(n * c, 10)),
          mean(n),
          rstd(n),
          w(random_values(c, 11)),
          bias(random_values(c, 12)),
          dw(random_values(c, 13)),
          dbias(random_values(c, 14)) {}

    // A mean that is not zero, so that LayerNorm and RMSNorm differ.
    static Values shifted(Values values) {
      for (double& v : values) v += 0.5;
      return values;
    }
    void layer_fwd() {
      layer_norm_fwd<R, T>(Exec(), y.matrix(cols), mean.flat(), rstd.flat(), x.in_matrix(cols), w.in(), bias.in(),
                           static_cast<M>(kEps));
    }
    void layer_bwd(bool accumulate) {
      layer_norm_bwd<R, T>(Exec(), dx.matrix(cols), dw.flat(), dbias.flat(), dy.in_matrix(cols), x.in_matrix(cols),
                           mean.in(), rstd.in(), w.in(), accumulate);
    }
    void rms_fwd() {
      rms_norm_fwd<R, T>(Exec(), y.matrix(cols), rstd.flat(), x.in_matrix(cols), w.in(), static_cast<M>(kEps));
    }
    void rms_bwd(bool accumulate) {
      rms_norm_bwd<R, T>(Exec(), dx.matrix(cols), dw.flat(), dy.in_matrix(cols), x.in_matrix(cols), rstd.in(), w.in(),
                         accumulate);
    }
  };

  static void expect_backward(const Data& data, const Values& dx, const Values& dw, const Values& dbias,
                              const Values& rstd) {
    // |x|, |dy|, |w| <= 5, so a term of a sum is at most 5^4 before rstd^2; typical ones are of order 1.
    const double error = 20 * row_error<M>(data.cols) * amplification(rstd) * amplification(rstd);
    const double rows_error = 20 * (64 + data.row_count) * roundoff<M>() * amplification(rstd);
    expect_close(data.dx.values(), dx, error, 2 * roundoff<R>(), "dx");
    expect_close(data.dw.values(), dw, rows_error, 0, "dw");
    expect_close(data.dbias.values(), dbias, rows_error, 0, "dbias");
  }
};
using TypePairs = testing::Types<Types<float, float>, Types<float, bf16>, Types<bf16, bf16>, Types<double, double>>;
TYPED_TEST_SUITE(Norms, TypePairs);

TYPED_TEST(Norms, LayerNormMatchesOracle) {
  using T = typename TypeParam::T;
  using M = Master<T>;
  for (std::size_t n : {1, 3, 129})
    for (std::size_t c : kOddSizes)
      for (bool accumulate : {false, true}) {
        typename TestFixture::Data data(n, c);
        Values y(n * c), mean(n), rstd(n), dx = data.dx.values(), dw = data.dw.values(), dbias = data.dbias.values();
        ref::layer_norm_fwd(y.data(), mean.data(), rstd.data(), data.x.values().data(), data.w.values().data(),
                            data.bias.values().data(), n, c, kEps);
        ref::layer_norm_bwd(dx.data(), dw.data(), dbias.data(), data.dy.values().data(), data.x.values().data(),
                            mean.data(), rstd.data(), data.w.values().data(), n, c, accumulate);
        data.layer_fwd();
        data.layer_bwd(accumulate);
        const double error = 20 * row_error<M>(c) * amplification(rstd);
        expect_close(data.y.values(), y, error, roundoff<T>(), "y");
        expect_close(data.mean.values(), mean, error, 0, "mean");
        // rstd^2 is off by the variance's error times rstd^2.
        expect_close(data.rstd.values(), rstd, 0, row_error<M>(c) * (1 + std::pow(amplification(rstd), 2)), "rstd");
        this->expect_backward(data, dx, dw, dbias, rstd);
      }
}

TYPED_TEST(Norms, RmsNormMatchesOracle) {
  using T = typename TypeParam::T;
  using M = Master<T>;
  for (std::size_t n : {1, 3, 129})
    for (std::size_t c : kOddSizes)
      for (bool accumulate : {false, true}) {
        typename TestFixture::Data data(n, c);
        Values y(n * c), rstd(n), dx = data.dx.values(), dw = data.dw.values();
        const Values dbias = data.dbias.values();  // not touched
        ref::rms_norm_fwd(y.data(), rstd.data(), data.x.values().data(), data.w.values().data(), n, c, kEps);
        ref::rms_norm_bwd(dx.data(), dw.data(), data.dy.values().data(), data.x.values().data(), rstd.data(),
                          data.w.values().data(), n, c, accumulate);
        data.rms_fwd();
        data.rms_bwd(accumulate);
        expect_close(data.y.values(), y, 20 * row_error<M>(c), roundoff<T>(), "y");
        expect_close(data.rstd.values(), rstd, 0, 2 * row_error<M>(c), "rstd");
        this->expect_backward(data, dx, dw, dbias, rstd);
      }
}

TYPED_TEST(Norms, TwoRunsGiveEqualBits) {
  typename TestFixture::Data first(5000, 127), second(5000, 127);
  for (auto* data : {&first, &second}) {
    data->layer_fwd();
    data->layer_bwd(false);
    data->rms_bwd(true);
  }
  EXPECT_EQ(first.dx.values(), second.dx.values());
  EXPECT_EQ(first.dw.values(), second.dw.values());
  EXPECT_EQ(first.dbias.values(), second.dbias.values());
}

template <class T>
class AddNorm : public testing::Test {};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(AddNorm, StorageTypes);

// The fused kernels against their two steps; the compiler may fuse other multiplications and additions in them.
TYPED_TEST(AddNorm, FusedEqualsAddThenNorm) {
  using T = TypeParam;
  using M = Master<T>;
  for (bool scaled : {false, true})
    for (std::size_t c : kOddSizes) {
      constexpr std::size_t kSamples = 3, kPerSample = 5, kRows = kSamples * kPerSample;
      const Buffer<M> residual(random_values(kRows * c, 20)), w(random_values(c, 21)), bias(random_values(c, 22));
      const Buffer<T> hidden(random_values(kRows * c, 23));
      const Buffer<float> scale(scaled ? Values{0, 1.25, 0.5} : Values{});
      Buffer<M> sum(kRows * c), fused_sum(kRows * c), mean(kRows), rstd(kRows), fused_mean(kRows), fused_rstd(kRows);
      Buffer<T> y(kRows * c), fused_y(kRows * c);

      const auto expect_same = [&](const Buffer<M>& want_rstd, const Buffer<T>& want_y) {
        const double grown = std::pow(amplification(want_rstd.values()), 2);
        expect_close(fused_rstd.values(), want_rstd.values(), 0, row_error<M>(c) * (1 + grown), "rstd");
        expect_close(fused_y.values(), want_y.values(), 20 * row_error<M>(c) * (1 + grown), 2 * roundoff<T>(), "y");
      };

      add_scaled<T>(Exec(), sum.matrix(c), residual.in_matrix(c), hidden.in_matrix(c), scale.in(), kPerSample);
      Values want(kRows * c);
      const float factors[kSamples] = {0, 1.25, 0.5};
      ref::add_scaled(want.data(), residual.values().data(), hidden.values().data(), scaled ? factors : nullptr, kRows,
                      c, kPerSample);
      expect_close(sum.values(), want, 8 * roundoff<M>(), 2 * roundoff<M>(), "sum");

      rms_norm_fwd<M, T>(Exec(), y.matrix(c), rstd.flat(), sum.in_matrix(c), w.in(), M(kEps));
      add_rms_norm_fwd<T>(Exec(), fused_y.matrix(c), fused_sum.matrix(c), fused_rstd.flat(), residual.in_matrix(c),
                          hidden.in_matrix(c), scale.in(), kPerSample, w.in(), M(kEps));
      EXPECT_EQ(fused_sum.values(), sum.values());
      expect_same(rstd, y);

      layer_norm_fwd<M, T>(Exec(), y.matrix(c), mean.flat(), rstd.flat(), sum.in_matrix(c), w.in(), bias.in(), M(kEps));
      add_layer_norm_fwd<T>(Exec(), fused_y.matrix(c), fused_sum.matrix(c), fused_mean.flat(), fused_rstd.flat(),
                            residual.in_matrix(c), hidden.in_matrix(c), scale.in(), kPerSample, w.in(), bias.in(),
                            M(kEps));
      expect_close(fused_mean.values(), mean.values(), 20 * row_error<M>(c), 0, "mean");
      expect_same(rstd, y);
    }
}

TYPED_TEST(AddNorm, AddScaledWorksInPlaceAndItsBackwardScales) {
  using T = TypeParam;
  using M = Master<T>;
  constexpr std::size_t kRows = 4, kCols = 17;
  const Buffer<T> hidden(random_values(kRows * kCols, 24));
  const Buffer<float> scale(Values{0, 2});
  Buffer<M> stream(random_values(kRows * kCols, 25));
  const Buffer<M> dout(random_values(kRows * kCols, 26));
  Buffer<T> dhidden(kRows * kCols);
  Values want_stream = stream.values(), want_dhidden(kRows * kCols);
  const float factors[] = {0, 2};
  ref::add_scaled(want_stream.data(), stream.values().data(), hidden.values().data(), factors, kRows, kCols, 2);
  ref::add_scaled_bwd(want_dhidden.data(), dout.values().data(), factors, kRows, kCols, 2);
  add_scaled<T>(Exec(), stream.matrix(kCols), stream.in_matrix(kCols), hidden.in_matrix(kCols), scale.in(), 2);
  add_scaled_bwd<T>(Exec(), dhidden.matrix(kCols), dout.in_matrix(kCols), scale.in(), 2);
  expect_close(stream.values(), want_stream, 8 * roundoff<M>(), 0, "stream");
  expect_close(dhidden.values(), want_dhidden, 0, roundoff<T>(), "dhidden");
}

}  // namespace
}  // namespace brainmt::kernels
