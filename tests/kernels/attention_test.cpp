// Attention in tiles: oracle against central differences, kernel against the oracle around the tile sizes, extreme
// logits.
#include "kernels/attention.hpp"

#include <algorithm>

#include "kernel_test_support.hpp"
#include "kernels/ref/attention.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::kernels {
namespace {

// The oracle on dense matrices [batch * queries or keys, heads * dim].
struct Oracle {
  AttentionShape s;
  Values q, k, v, o, lse;

  std::size_t width() const { return s.heads * s.dim; }
  MatrixView<const double> dense(const Values& m) const { return {m.data(), width()}; }
  MatrixView<double> dense(Values& m) const { return {m.data(), width()}; }

  Oracle(const AttentionShape& shape, Values q_in, Values k_in, Values v_in)
      : s(shape),
        q(std::move(q_in)),
        k(std::move(k_in)),
        v(std::move(v_in)),
        o(q.size()),
        lse(s.batch * s.heads * s.queries) {
    forward();
  }
  void forward() {
    ref::attention_fwd(dense(o), lse.data(), dense(std::as_const(q)), dense(std::as_const(k)), dense(std::as_const(v)),
                       s);
  }
  struct Gradients {
    Values q, k, v;
  };
  Gradients backward(const Values& dout, const Values& output) const {
    Gradients d{Values(q.size(), 9.0), Values(k.size(), 9.0), Values(k.size(), 9.0)};  // assigned: the 9 must go
    ref::attention_bwd(dense(d.q), dense(d.k), dense(d.v), dense(dout), dense(output), lse.data(), dense(q), dense(k),
                       dense(v), s);
    return d;
  }
};

TEST(AttentionOracle, GradientsMatchCentralDifferences) {
  const AttentionShape s{2, 2, 3, 4, 5};
  Oracle oracle(s, random_values(60, 1), random_values(80, 2), random_values(80, 3));
  const Values dout = random_values(60, 4);
  const auto d = oracle.backward(dout, oracle.o);
  const auto loss = [&] {
    oracle.forward();
    return dot(oracle.o, dout);
  };
  expect_gradient(loss, oracle.q, d.q, "dq");
  expect_gradient(loss, oracle.k, d.k, "dk");
  expect_gradient(loss, oracle.v, d.v, "dv");
}

// The kernel on columns of wider matrices, one element from their left edge, as a packed projection would leave them.
template <class T>
struct Kernel {
  using M = Master<T>;
  AttentionShape s;
  std::size_t width, ld;
  Buffer<T> q, k, v, o, dq, dk, dv;
  Buffer<M> lse;

  Kernel(const AttentionShape& shape, double logit_scale)
      : s(shape),
        width(s.heads * s.dim),
        ld(2 * width + 3),
        q(random_values(s.batch * s.queries * ld, 1, logit_scale)),
        k(random_values(s.batch * s.keys * ld, 2)),
        v(random_values(s.batch * s.keys * ld, 3)),
        o(s.batch * s.queries * ld, 7.0),
        dq(o.count(), 7.0),
        dk(k.count(), 7.0),
        dv(k.count(), 7.0),
        lse(s.batch * s.heads * s.queries) {}

  template <class U>
  MatrixView<U> columns(const Buffer<T>& m) const {
    return rows<U>(m.data() + 1, m.count() / ld, width, ld);
  }
  Values dense(const Buffer<T>& m) const {
    const Values all = m.values();
    Values picked;
    for (std::size_t r = 0; r < all.size() / ld; ++r)
      picked.insert(picked.end(), all.begin() + r * ld + 1, all.begin() + r * ld + 1 + width);
    return picked;
  }
  View3<M> statistics() const { return View3<M>(lse.data(), s.batch, s.heads, s.queries); }

  void forward() {
    attention_fwd<T>(Exec(), columns<T>(o), statistics(), columns<const T>(q), columns<const T>(k), columns<const T>(v),
                     s.batch, s.heads, ref::gemm<float>);
  }
  void backward(const Buffer<T>& dout) {
    attention_bwd<T>(Exec(), columns<T>(dq), columns<T>(dk), columns<T>(dv), columns<const T>(dout),
                     columns<const T>(o), statistics(), columns<const T>(q), columns<const T>(k), columns<const T>(v),
                     s.batch, s.heads, ref::gemm<float>);
  }
  // Elements between the columns in use still hold their 7.
  bool untouched(const Buffer<T>& m) const {
    const Values all = m.values();
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((i % ld < 1 || i % ld > width) && all[i] != 7.0) return false;
    return true;
  }
};

template <class T>
class Attention : public testing::Test {
 protected:
  using M = Master<T>;

  // In roundoffs u: a logit, a sum of d products of size d^-1/2, is off by about d; exp and the sum of a row add about
  // 16, the sum over tiles sqrt(length). Outputs and gradients are averages of numbers below 5 with such weights.
  static double error(const AttentionShape& s) {
    return 16 * (static_cast<double>(s.dim) + 16 + std::sqrt(std::max(s.queries, s.keys))) * roundoff<M>();
  }

  static void expect_matches_oracle(const AttentionShape& s) {
    SCOPED_TRACE(testing::Message() << "queries " << s.queries << " keys " << s.keys << " heads " << s.heads << " dim "
                                    << s.dim);
    Kernel<T> kernel(s, 1.0);
    kernel.forward();
    const Oracle oracle(s, kernel.dense(kernel.q), kernel.dense(kernel.k), kernel.dense(kernel.v));
    expect_close(kernel.dense(kernel.o), oracle.o, error(s), roundoff<T>(), "o");
    expect_close(kernel.lse.values(), oracle.lse, error(s), 0, "lse");

    const Buffer<T> dout(random_values(kernel.o.count(), 4));
    kernel.backward(dout);
    const auto d = oracle.backward(kernel.dense(dout), kernel.dense(kernel.o));
    const double grown = error(s) * std::sqrt(s.queries);  // dK and dV gather over queries
    expect_close(kernel.dense(kernel.dq), d.q, error(s), roundoff<T>(), "dq");
    expect_close(kernel.dense(kernel.dk), d.k, grown, roundoff<T>(), "dk");
    expect_close(kernel.dense(kernel.dv), d.v, grown, roundoff<T>(), "dv");
    for (const auto* m : {&kernel.o, &kernel.dq, &kernel.dk, &kernel.dv}) EXPECT_TRUE(kernel.untouched(*m));
  }
};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(Attention, StorageTypes);

TYPED_TEST(Attention, MatchesOracleAtEveryPairOfLengths) {
  for (std::int64_t queries : {1, 5, 64, 129, 700})
    for (std::int64_t keys : {1, 5, 64, 129, 700}) this->expect_matches_oracle({1, 1, queries, keys, 4});
}

TYPED_TEST(Attention, MatchesOracleForHeadsAndWidths) {
  for (std::int64_t dim : {4, 32, 80})
    for (std::int64_t heads : {1, 2}) {
      this->expect_matches_oracle({2, heads, 129, 64, dim});
      this->expect_matches_oracle({2, heads, 1, 700, dim});
    }
  this->expect_matches_oracle({1, 1, 300, 300, 80});
}

TYPED_TEST(Attention, ExtremeLogitsGiveAHardChoice) {
  using T = TypeParam;
  // Logits of order 1e4: all weight goes to one key, whichever tile it lies in.
  const AttentionShape s{1, 2, 130, 700, 16};
  Kernel<T> kernel(s, 1e4);
  kernel.forward();
  const Oracle oracle(s, kernel.dense(kernel.q), kernel.dense(kernel.k), kernel.dense(kernel.v));
  // Rounding a logit of 4e4 moves a weight by up to 4e4 d u where two keys are close.
  const double error = 16 * 4e4 * roundoff<Master<T>>();
  expect_close(kernel.dense(kernel.o), oracle.o, error, roundoff<T>(), "o");
  kernel.backward(Buffer<T>(random_values(kernel.o.count(), 5)));
  for (const auto* m : {&kernel.dq, &kernel.dk, &kernel.dv})
    for (double value : m->values()) ASSERT_TRUE(std::isfinite(value));
}

TYPED_TEST(Attention, EqualKeysGiveTheMeanOfValues) {
  using T = TypeParam;
  const AttentionShape s{1, 1, 3, 700, 4};
  for (double level : {-1e4, 0.0, 1e4}) {
    Kernel<T> kernel(s, 1.0);
    kernel.q = Buffer<T>(kernel.q.count(), 1.0);
    kernel.k = Buffer<T>(kernel.k.count(), level / 2);  // every logit is 4^-1/2 * 4 * level / 2
    kernel.forward();
    const Values v = kernel.dense(kernel.v), o = kernel.dense(kernel.o);
    for (std::int64_t c = 0; c < s.dim; ++c) {
      double mean = 0;
      for (std::int64_t j = 0; j < s.keys; ++j) mean += v[j * s.dim + c] / static_cast<double>(s.keys);
      for (std::int64_t i = 0; i < s.queries; ++i)
        EXPECT_NEAR(o[i * s.dim + c], mean, this->error(s) + roundoff<T>() * std::abs(mean)) << "level " << level;
    }
  }
}

TYPED_TEST(Attention, TwoRunsGiveEqualBits) {
  using T = TypeParam;
  const AttentionShape s{1, 2, 200, 300, 32};
  Kernel<T> first(s, 1.0), second(s, 1.0);
  const Buffer<T> dout(random_values(first.o.count(), 6));
  for (auto* kernel : {&first, &second}) {
    kernel->forward();
    kernel->backward(dout);
  }
  EXPECT_EQ(first.o.values(), second.o.values());
  EXPECT_EQ(first.dq.values(), second.dq.values());
  EXPECT_EQ(first.dk.values(), second.dk.values());
  EXPECT_EQ(first.dv.values(), second.dv.values());
}

}  // namespace
}  // namespace brainmt::kernels
