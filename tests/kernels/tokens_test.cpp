// Token assembly: kernels against the oracle, scatter and gather as inverses, parameter gradients by differences.
#include "kernels/tokens.hpp"

#include "kernel_test_support.hpp"
#include "kernels/ref/tokens.hpp"

namespace brainmt::kernels {
namespace {

template <class T>
class Tokens : public testing::Test {
 protected:
  using M = Master<T>;
  static View3<M> tokens(const Buffer<M>& b, const ref::TokenShape& s) {
    return View3<M>(b.data(), s.batch, s.length(), s.width);
  }
  static View3<const M> in_tokens(const Buffer<M>& b, const ref::TokenShape& s) { return tokens(b, s); }
  static View4<T> features(const Buffer<T>& b, const ref::TokenShape& s, std::size_t count) {
    return View4<T>(b.data(), s.batch, count, s.patches, s.width);
  }
  const std::vector<ref::TokenShape> shapes_ = {{1, 1, 1, 1}, {2, 3, 2, 17}, {1, 7, 5, 64}, {3, 2, 4, 129}};
};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(Tokens, StorageTypes);

TEST(TokenOracle, ParameterGradientsMatchCentralDifferences) {
  const ref::TokenShape s{2, 3, 2, 4};
  Values cls = random_values(4, 1), position = random_values(12, 2), temporal = random_values(12, 3);
  Values features = random_values(2 * 3 * 2 * 4, 4), tokens(2 * 7 * 4);
  const Values dtokens = random_values(tokens.size(), 5);
  const auto loss = [&] {
    ref::token_scatter(tokens.data(), features.data(), position.data(), temporal.data(), s, 0, 3);
    ref::cls_scatter(tokens.data(), cls.data(), position.data(), s);
    return dot(tokens, dtokens);
  };
  Values dcls(4), dposition(12), dtemporal(12), dfeatures(features.size());
  ref::token_parameter_grads(dcls.data(), dposition.data(), dtemporal.data(), dtokens.data(), s);
  ref::token_gather(dfeatures.data(), dtokens.data(), s, 0, 3);
  expect_gradient(loss, cls, dcls, "dcls");
  expect_gradient(loss, position, dposition, "dposition");
  expect_gradient(loss, temporal, dtemporal, "dtemporal");
  expect_gradient(loss, features, dfeatures, "dfeatures");
}

TYPED_TEST(Tokens, AssemblyInChunksMatchesOracle) {
  using T = TypeParam;
  using M = Master<T>;
  for (const auto& s : this->shapes_) {
    const Buffer<M> cls(random_values(s.width, 1)), position(random_values((1 + s.patches) * s.width, 2));
    const Buffer<M> temporal(random_values(s.frames * s.width, 3));
    Buffer<M> tokens(s.batch * s.length() * s.width);
    Values want(tokens.count());
    ref::cls_scatter(want.data(), cls.values().data(), position.values().data(), s);
    cls_scatter<M>(Exec(), this->tokens(tokens, s), cls.in(), position.in_matrix(s.width));
    for (std::size_t first = 0; first < s.frames; first += 2) {  // the last chunk may be shorter
      const std::size_t count = std::min<std::size_t>(2, s.frames - first);
      const Buffer<T> features(random_values(s.batch * count * s.patches * s.width, 10 + first));
      ref::token_scatter(want.data(), features.values().data(), position.values().data(), temporal.values().data(), s,
                         first, count);
      token_scatter<T>(Exec(), this->tokens(tokens, s), this->features(features, s, count), position.in_matrix(s.width),
                       temporal.in_matrix(s.width), first);
    }
    expect_close(tokens.values(), want, 20 * roundoff<M>(), 0, "tokens");  // two sums of numbers below 5
  }
}

TYPED_TEST(Tokens, GatherUndoesScatter) {
  using T = TypeParam;
  using M = Master<T>;
  for (const auto& s : this->shapes_) {
    const Buffer<M> no_position((1 + s.patches) * s.width, 0.0), no_temporal(s.frames * s.width, 0.0);
    const Buffer<T> features(random_values(s.batch * s.frames * s.patches * s.width, 6));
    Buffer<M> tokens(s.batch * s.length() * s.width);
    Buffer<T> back(features.count());
    token_scatter<T>(Exec(), this->tokens(tokens, s), this->features(features, s, s.frames),
                     no_position.in_matrix(s.width), no_temporal.in_matrix(s.width), 0);
    token_gather<T>(Exec(), this->features(back, s, s.frames), this->in_tokens(tokens, s), s.frames, 0);
    EXPECT_EQ(back.values(), features.values());
  }
}

TYPED_TEST(Tokens, ParameterGradientsAndMeansMatchOracle) {
  using M = Master<TypeParam>;
  for (const auto& s : this->shapes_) {
    const Buffer<M> dtokens(random_values(s.batch * s.length() * s.width, 7));
    Buffer<M> dcls(random_values(s.width, 8)), dposition(random_values((1 + s.patches) * s.width, 9));
    Buffer<M> dtemporal(random_values(s.frames * s.width, 10)), mean(s.batch * s.width);
    Buffer<M> of_frames(s.batch * s.frames * s.width);
    Values want_cls = dcls.values(), want_position = dposition.values(), want_temporal = dtemporal.values();
    Values want_mean(mean.count()), want_frames(of_frames.count());
    ref::token_parameter_grads(want_cls.data(), want_position.data(), want_temporal.data(), dtokens.values().data(), s);
    ref::mean_tokens(want_mean.data(), dtokens.values().data(), s.batch, s.length(), s.width);
    ref::mean_frame_tokens(want_frames.data(), dtokens.values().data(), s);
    token_parameter_grads<M>(Exec(), dcls.flat(), dposition.matrix(s.width), dtemporal.matrix(s.width),
                             this->in_tokens(dtokens, s));
    mean_tokens<M>(Exec(), mean.matrix(s.width), this->in_tokens(dtokens, s));
    mean_frame_tokens<M>(Exec(), View3<M>(of_frames.data(), s.batch, s.frames, s.width), this->in_tokens(dtokens, s));
    // At most batch * max(frames, places) + 1 terms below 5 each.
    const double error = 5 * (s.batch * std::max(s.frames, s.patches) + 1) * roundoff<M>();
    expect_close(dcls.values(), want_cls, error, 0, "dcls");
    expect_close(dposition.values(), want_position, error, 0, "dposition");
    expect_close(dtemporal.values(), want_temporal, error, 0, "dtemporal");
    expect_close(mean.values(), want_mean, error, 0, "mean");
    expect_close(of_frames.values(), want_frames, error, 0, "means of frames");
  }
}

}  // namespace
}  // namespace brainmt::kernels
