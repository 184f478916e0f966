// Attention of the back end, and attention by GEMMs, against the oracle in double.
#include "dnn/attention.hpp"

#include <algorithm>
#include <utility>

#include "dense_checks.hpp"
#include "kernels/ref/attention.hpp"

namespace brainmt::dnn {
namespace {

namespace ref = kernels::ref;
using testing::Values;

struct Way {
  const char* name;
  decltype(&attention_fwd) forward;
  decltype(&attention_bwd) backward;
};
const Way kWays[] = {{"BackEnd", attention_fwd, attention_bwd},
                     {"Tiled", detail::attention_fwd_tiled, detail::attention_bwd_tiled}};

struct Case {
  Way way;
  DType type;
  std::int64_t batch, heads, queries, keys, dim;
};

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return fmt::format("{}_{}_{}x{}_{}x{}x{}", c.way.name, name_of(c.type), c.batch, c.heads, c.queries, c.keys, c.dim);
}

class AttentionTest : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c = GetParam();
  std::int64_t width = c.heads * c.dim;
  Tensor q = testing::random_tensor({c.batch * c.queries, width}, c.type, 1),
         kv = testing::random_tensor({c.batch * c.keys, 2 * width}, c.type, 2),
         dout = testing::random_tensor({c.batch * c.queries, width}, c.type, 3);
  Tensor o{q.shape(), c.type}, dq{q.shape(), c.type}, dkv{kv.shape(), c.type},
      lse{{c.batch, c.heads, c.queries}, master_of(c.type)};

  void run() {
    const AnyMatrix k = kv.columns(0, width), v = kv.columns(width, width);
    c.way.forward(o, lse, q, k, v);
    c.way.backward(dq, dkv.columns(0, width), dkv.columns(width, width), dout, o, lse, q, k, v);
  }

  AttentionShape shape() const { return {c.batch, c.heads, c.queries, c.keys, c.dim}; }

  // Inputs are at most 1. A logit, a sum of d products of size d^-1/2, is off by d u; exp and the sums of a row add
  // sqrt(keys) + 16. Weights and dS are stored in the activation type: one rounding each, of terms whose absolute
  // values add up to at most 1 (o) and to scale * 2 sum |dout v| <= 2 sqrt(d) (gradients).
  double error() const {
    const double master = testing::rounding_unit(master_of(c.type)), stored = testing::rounding_unit(c.type);
    const auto dim = static_cast<double>(c.dim);
    return 4 * (dim + 16 + std::sqrt(static_cast<double>(std::max(c.keys, c.queries)))) * master +
           2 * std::sqrt(dim) * (stored > master ? stored : 0);
  }
  void expect_near(const Values& got, const Values& want, double absolute, const char* what) const {
    ASSERT_EQ(got.size(), want.size()) << what;
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(got[i], want[i], absolute + testing::rounding_unit(c.type) * std::abs(want[i])) << what << " " << i;
  }
};

TEST_P(AttentionTest, MatchesTheOracle) {
  run();
  const std::size_t ld = static_cast<std::size_t>(width), wide = 2 * ld;
  const Values qs = q.to_host(), kvs = kv.to_host(), douts = dout.to_host(), stored = o.to_host();
  Values out(qs.size()), statistics(static_cast<std::size_t>(lse.count()));
  const MatrixView<const double> q_in{qs.data(), ld}, k_in{kvs.data(), wide}, v_in{kvs.data() + ld, wide};
  ref::attention_fwd<double>({out.data(), ld}, statistics.data(), q_in, k_in, v_in, shape());
  expect_near(stored, out, error(), "o");
  expect_near(lse.to_host(), statistics, error(), "lse");

  Values gq(qs.size()), gkv(kvs.size());
  ref::attention_bwd<double>({gq.data(), ld}, {gkv.data(), wide}, {gkv.data() + ld, wide}, {douts.data(), ld},
                             {stored.data(), ld}, statistics.data(), q_in, k_in, v_in, shape());
  expect_near(dq.to_host(), gq, error(), "dq");
  // dK and dV gather over queries, with independent errors; a key may have all the weight of every query.
  expect_near(dkv.to_host(), gkv, error() * std::sqrt(static_cast<double>(c.queries)), "dkv");
}

TEST_P(AttentionTest, TwoRunsGiveEqualBits) {
  run();
  const Values first = o.to_host(), first_dq = dq.to_host(), first_dkv = dkv.to_host();
  run();
  EXPECT_EQ(first, o.to_host());
  EXPECT_EQ(first_dq, dq.to_host());
  EXPECT_EQ(first_dkv, dkv.to_host());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Way& way : kWays)
    for (const DType type : {DType::kF32, DType::kBf16, DType::kF64})
      for (const auto& [queries, keys] : {std::pair{1, 1}, {1, 130}, {70, 70}, {129, 64}}) {
        all.push_back({way, type, 2, 2, queries, keys, 8});
        all.push_back({way, type, 1, 1, queries, keys, 64});
      }
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, AttentionTest, ::testing::ValuesIn(cases()), name_of_case);

}  // namespace
}  // namespace brainmt::dnn
