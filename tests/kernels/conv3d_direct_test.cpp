// The convolutions without a library against the plain loops, in each type; the oracle itself is checked by
// dense_oracle_test.cpp.
#include "kernels/conv3d_direct.hpp"

#include <cmath>
#include <string>

#include "kernel_test_support.hpp"

namespace brainmt::kernels {
namespace {

struct Case {
  std::string name;
  Conv3dShape shape;
};

Case make_case(const std::string& name, std::array<std::int64_t, 3> in, std::int64_t batch, std::int64_t in_channels,
               std::int64_t out_channels, int kernel, int stride, int padding) {
  Conv3dShape s{in, {}, batch, in_channels, out_channels, kernel, stride, padding};
  for (std::size_t axis = 0; axis < 3; ++axis) s.out[axis] = (in[axis] + 2 * padding - kernel) / stride + 1;
  return {name, s};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      make_case("stem", {7, 9, 21}, 2, 1, 8, 3, 2, 1),       make_case("stem_even", {6, 4, 16}, 1, 1, 4, 3, 2, 1),
      make_case("stem_point", {1, 1, 1}, 3, 1, 12, 3, 2, 1), make_case("stem_thin", {2, 40, 3}, 1, 1, 4, 3, 2, 1),
      make_case("one_to_five", {5, 4, 3}, 1, 1, 5, 3, 2, 1), make_case("stride_one", {4, 5, 6}, 2, 3, 5, 3, 1, 1),
      make_case("stride_two", {5, 6, 7}, 1, 4, 6, 3, 2, 1),  make_case("pointwise", {3, 4, 5}, 1, 4, 2, 1, 1, 0),
  };
  return all;
}

Values absolute(Values values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

// |got - want| <= (terms + 1) u |magnitude| + one store, where magnitude is the same sum of absolute values.
template <class Stored, class M>
void expect_sum(const Values& got, const Values& want, const Values& magnitude, double terms, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < want.size(); ++i)
    ASSERT_LE(std::abs(got[i] - want[i]),
              (terms + 1) * roundoff<M>() * magnitude[i] + roundoff<Stored>() * std::abs(want[i]))
        << what << "[" << i << "]";
}

template <class T>
class Conv3dDirect : public testing::Test {};
using Types = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(Conv3dDirect, Types);

TYPED_TEST(Conv3dDirect, MatchesTheOracle) {
  using T = TypeParam;
  using M = Master<T>;
  for (const auto& [name, s] : cases()) {
    SCOPED_TRACE(name);
    const auto in = static_cast<std::size_t>(s.in_voxels() * s.in_channels);
    const auto out = static_cast<std::size_t>(s.out_voxels() * s.out_channels);
    const auto weights = static_cast<std::size_t>(s.taps() * s.in_channels * s.out_channels);
    const Buffer<T> x(random_values(in, 1)), dy(random_values(out, 2));
    const Buffer<M> w(random_values(weights, 3)), bias(random_values(static_cast<std::size_t>(s.out_channels), 4));
    const Values xs = x.values(), dys = dy.values(), ws = w.values(), bs = bias.values();
    const double terms = static_cast<double>(s.taps() * std::max(s.in_channels, s.out_channels));

    for (const bool relu : {false, true}) {
      const Buffer<T> y(out);
      conv3d_direct_fwd<T>(Exec(), y.flat(), x.in(), w.in(), relu ? View1<const M>() : bias.in(), s, relu);
      Values want(out), magnitude(out);
      ref::conv3d_fwd(want.data(), xs.data(), ws.data(), relu ? nullptr : bs.data(), s);
      ref::conv3d_fwd(magnitude.data(), absolute(xs).data(), absolute(ws).data(), absolute(bs).data(), s);
      if (relu)
        for (double& v : want) v = std::max(v, 0.0);
      expect_sum<T, M>(y.values(), want, magnitude, terms, relu ? "relu(y)" : "y");
    }

    const Buffer<T> dx(in);
    conv3d_direct_bwd_data<T>(Exec(), dx.flat(), dy.in(), w.in(), s);
    Values want(in), magnitude(in);
    ref::conv3d_bwd_data(want.data(), dys.data(), ws.data(), s);
    ref::conv3d_bwd_data(magnitude.data(), absolute(dys).data(), absolute(ws).data(), s);
    expect_sum<T, M>(dx.values(), want, magnitude, terms, "dx");

    const Values start = Buffer<M>(random_values(weights, 5)).values();
    const Buffer<M> dw(start);
    conv3d_direct_bwd_weights<T>(Exec(), dw.flat(), dy.in(), x.in(), s);
    Values dw_want = start, dw_magnitude = absolute(start);
    ref::conv3d_bwd_weights(dw_want.data(), static_cast<double*>(nullptr), dys.data(), xs.data(), s);
    ref::conv3d_bwd_weights(dw_magnitude.data(), static_cast<double*>(nullptr), absolute(dys).data(),
                            absolute(xs).data(), s);
    expect_sum<M, M>(dw.values(), dw_want, dw_magnitude, static_cast<double>(s.out_voxels()), "dw");
  }
}

TEST(Conv3dDirect, NanGoesThroughRelu) {
  const auto s = make_case("", {2, 2, 2}, 1, 1, 4, 3, 2, 1).shape;
  const Buffer<float> x(8, std::nan("")), w(Values(4 * 27, 1.0)), y(4);
  conv3d_direct_fwd<float>(Exec(), y.flat(), x.in(), w.in(), {}, s, true);
  for (const double v : y.values()) EXPECT_TRUE(std::isnan(v));
}

}  // namespace
}  // namespace brainmt::kernels
