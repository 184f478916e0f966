// Attention on the GPU against kernels/ref/attention.hpp in double: several lengths, one query row, heads up to 256
// channels, keys and values as columns of one packed projection, deterministic and not.
//
// Tolerances (u: rounding unit of bf16). The kernels round the probabilities P and the gradients dS to bf16 before they
// multiply with them and round the result, everything else is fp32. So, to first order and with room for fp32's share,
//   |do| <= 3 u sum p |v|,   |d dv| <= 3 u sum p |dout|,   |d dq| <= 3 u scale sum p (|dp| + |r|) |k|,  dk likewise,
// with dp = dout v^T and r = rowsum(dout o): a kernel may round dp before it subtracts r.
#include <fmt/format.h>

#include "cuda/attention.hpp"
#include "device_checks.hpp"
#include "kernels/ref/attention.hpp"

namespace brainmt::cuda {
namespace {

namespace ref = kernels::ref;
using testing::Buffer;
using testing::Values;

std::size_t size(std::int64_t v) { return static_cast<std::size_t>(v); }

// Operands as the model has them: q alone, k and v side by side.
struct Problem {
  AttentionShape shape;
  std::int64_t width;
  Values q, kv, dout;
  Buffer q_device, kv_device, dout_device;

  explicit Problem(const AttentionShape& s)
      : shape(s),
        width(s.heads * s.dim),
        q(testing::random_values(s.batch * s.queries * width, DType::kBf16, 1)),
        kv(testing::random_values(s.batch * s.keys * 2 * width, DType::kBf16, 2)),
        dout(testing::random_values(s.batch * s.queries * width, DType::kBf16, 3)),
        q_device(q, DType::kBf16),
        kv_device(kv, DType::kBf16),
        dout_device(dout, DType::kBf16) {}

  AttentionStrides strides() const { return {width, 2 * width, 2 * width, width}; }
  AnyMatrix of_queries(const Buffer& b) const {
    return {b.data(), DType::kBf16, shape.batch * shape.queries, width, width};
  }
  AnyMatrix keys(const Buffer& b) const { return {b.data(), DType::kBf16, shape.batch * shape.keys, width, 2 * width}; }
  AnyMatrix values(const Buffer& b) const {
    return {b.at(width), DType::kBf16, shape.batch * shape.keys, width, 2 * width};
  }
  MatrixView<const double> query() const { return {q.data(), size(width)}; }
  MatrixView<const double> key() const { return {kv.data(), size(2 * width)}; }
  MatrixView<const double> value() const { return {kv.data() + width, size(2 * width)}; }
  MatrixView<const double> gradient() const { return {dout.data(), size(width)}; }
  std::string text() const {
    return fmt::format("{}x{} heads of {}, {} x {}", shape.batch, shape.heads, shape.dim, shape.queries, shape.keys);
  }
};

// Sums of absolute values that bound the rounding, laid out as o, dq and [dk, dv].
struct Magnitudes {
  Values o, dq, dkv;
};

Magnitudes magnitudes(const Problem& p, const Values& o, const Values& lse) {
  const std::size_t width = size(p.width), dim = size(p.shape.dim);
  Magnitudes m{Values(o.size()), Values(o.size()), Values(p.kv.size())};
  const auto scale = p.shape.scale<double>();
  ref::detail::for_each_query(p.shape, [&](std::size_t row, std::size_t first, std::size_t column, std::size_t at) {
    const double* gradient = p.gradient().row(row, column);
    const double r = ref::detail::dot(gradient, o.data() + row * width + column, dim);
    for (std::size_t j = first; j < first + size(p.shape.keys); ++j) {
      const double* k = p.key().row(j, column);
      const double* v = p.value().row(j, column);
      const double* q = p.query().row(row, column);
      const double probability = std::exp(scale * ref::detail::dot(q, k, dim) - lse[at]);
      const double ds = probability * scale * (std::abs(ref::detail::dot(gradient, v, dim)) + std::abs(r));
      for (std::size_t c = 0; c < dim; ++c) {
        m.o[row * width + column + c] += probability * std::abs(v[c]);
        m.dq[row * width + column + c] += ds * std::abs(k[c]);
        m.dkv[j * 2 * width + column + c] += ds * std::abs(q[c]);
        m.dkv[(j * 2 + 1) * width + column + c] += probability * std::abs(gradient[c]);
      }
    }
  });
  return m;
}

void expect_near(const Values& actual, const Values& expected, const Values& magnitude, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  const double u = testing::rounding_unit(DType::kBf16);
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_LE(std::abs(actual[i] - expected[i]), 3 * u * magnitude[i] + u * std::abs(expected[i]) + 1e-6)
        << what << " at " << i << ": " << expected[i];
}

class Attention : public testing::OnDevice {
 protected:
  struct Forward {
    Buffer o, lse;
  };
  Forward forward(const Problem& p) {
    Forward f{Buffer(Values(p.q.size(), 9.0), DType::kBf16),
              Buffer(Values(size(p.shape.batch * p.shape.heads * p.shape.queries), 9.0), DType::kF32)};
    attention_fwd(context, p.of_queries(f.o), f.lse.floats(), p.of_queries(p.q_device), p.keys(p.kv_device),
                  p.values(p.kv_device), p.shape);
    return f;
  }
  struct Backward {
    Values dq, dkv;
    bool operator==(const Backward&) const = default;
  };
  Backward backward(const Problem& p, const Forward& f) {
    const Buffer dq(Values(p.q.size(), 9.0), DType::kBf16), dkv(Values(p.kv.size(), 9.0), DType::kBf16);
    attention_bwd(context, p.of_queries(dq), p.keys(dkv), p.values(dkv), p.of_queries(p.dout_device), p.of_queries(f.o),
                  f.lse.floats(), p.of_queries(p.q_device), p.keys(p.kv_device), p.values(p.kv_device), p.shape);
    return {dq.values(), dkv.values()};
  }

  // Hopper and newer must have them; older GPUs may lack some.
  void require_kernels(const Problem& p) {
    for (const bool back : {false, true}) {
      const Support support = attention_supported(context, p.shape, p.strides(), back);
      if (support.supported) continue;
      const DeviceInfo gpu = query().devices.front();
      ASSERT_LT(gpu.major, 9) << support.reason;
      GTEST_SKIP() << "missing hardware, a GPU of compute capability 9.0 (here: " << gpu.name
                   << "): " << support.reason;
    }
  }
  void expect_right(const AttentionShape& shape) {
    const Problem p(shape);
    require_kernels(p);
    if (IsSkipped() || HasFatalFailure()) return;
    const Forward f = forward(p);
    Values o(p.q.size()), lse(size(shape.batch * shape.heads * shape.queries));
    ref::attention_fwd<double>({o.data(), size(p.width)}, lse.data(), p.query(), p.key(), p.value(), p.shape);
    const Values stored = f.o.values();
    expect_near(stored, o, magnitudes(p, o, lse).o, "o of " + p.text());
    const Values statistics = f.lse.values();
    for (std::size_t i = 0; i < lse.size(); ++i) ASSERT_NEAR(statistics[i], lse[i], 1e-4 * (1 + std::abs(lse[i])));

    // The backward pass sees the stored o, and so does the oracle.
    Values dq(p.q.size()), dkv(p.kv.size());
    ref::attention_bwd<double>({dq.data(), size(p.width)}, {dkv.data(), size(2 * p.width)},
                               {dkv.data() + p.width, size(2 * p.width)}, p.gradient(), {stored.data(), size(p.width)},
                               lse.data(), p.query(), p.key(), p.value(), p.shape);
    const Magnitudes m = magnitudes(p, stored, lse);
    const Backward b = backward(p, f);
    expect_near(b.dq, dq, m.dq, "dq of " + p.text());
    expect_near(b.dkv, dkv, m.dkv, "dk, dv of " + p.text());
  }
  void expect_right_for_dim(std::int64_t dim) {
    for (const bool deterministic : {true, false}) {
      context.deterministic = deterministic;
      expect_right({2, 2, 127, 127, dim});
      expect_right({1, 2, 721, 721, dim});
      expect_right({2, 2, 1, 130, dim});
    }
  }
};

TEST_F(Attention, IsRightForSmallHeads) { expect_right_for_dim(16); }
TEST_F(Attention, IsRightForMediumHeads) { expect_right_for_dim(64); }
TEST_F(Attention, IsRightForPublishedHeads) { expect_right_for_dim(256); }

// Several blocks of queries, the last one smaller: the oracle does not know of them.
TEST_F(Attention, IsRightInBlocksOfQueries) {
  for (const std::int64_t blocks : {1, 2, 5}) {
    context.attention = {2 * 721 * 1025 / blocks, 1};
    expect_right({2, 2, 721, 1025, 64});
  }
}

TEST_F(Attention, DeterministicGradientsRepeatBitForBit) {
  const Problem p({1, 2, 1025, 1025, 64});
  require_kernels(p);
  if (IsSkipped() || HasFatalFailure()) return;
  const Forward f = forward(p);
  const Backward first = backward(p, f);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(backward(p, f) == first);
}

// Long enough that the deterministic pass goes by heads and blocks; the other pass is its oracle.
TEST_F(Attention, LongDeterministicGradientsAreThoseInAnyOrder) {
  const Problem p({2, 2, 24000, 24000, 64});
  require_kernels(p);
  if (IsSkipped() || HasFatalFailure()) return;
  const Forward f = forward(p);
  const Backward split = backward(p, f);
  context.deterministic = false;
  const Backward together = backward(p, f);
  const auto expect_close = [](const Values& a, const Values& b) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      norm += b[i] * b[i];
    }
    // Both round dS, the blocks' parts and the result to bf16: independent errors of at most 2 u relative, in norm.
    EXPECT_LE(std::sqrt(difference), 4 * testing::rounding_unit(DType::kBf16) * std::sqrt(norm));
  };
  expect_close(split.dq, together.dq);
  expect_close(split.dkv, together.dkv);
}

}  // namespace
}  // namespace brainmt::cuda
