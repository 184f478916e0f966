// Every branch's factors against its place, its rate and its own stream of random numbers, which a resumed run and
// other numbers of ranks rely on.
#include "models/drop_path.hpp"

#include <gtest/gtest.h>

namespace brainmt::models {
namespace {

constexpr double kRate = 0.6;
constexpr std::array<int, 2> kDepth{3, 2};

// Branch number `place` of the network, dropped at `rate`.
std::vector<double> expected(std::uint32_t place, double rate, const Pass& context) {
  std::vector<double> factors;
  for (const std::int64_t sample : context.samples) {
    Philox random(context.seed, 0x100 + place,
                  (static_cast<std::uint64_t>(context.step) << 32) ^ static_cast<std::uint64_t>(sample));
    factors.push_back(random.uniform() < rate ? 0.0f : static_cast<float>(1 / (1 - rate)));
  }
  return factors;
}

TEST(DropPath, EachBranchDrawsAtItsRateFromItsStream) {
  Pass context{.training = true, .seed = 11, .samples = {0, 5, 6, 1000}};
  const double step = kRate / 4;  // the rates of five blocks rise from 0 to kRate
  int kept = 0, dropped = 0;
  for (context.step = 0; context.step < 20; ++context.step) {
    const DropPath drop_path(kRate, kDepth, context, 4);
    EXPECT_FALSE(drop_path.mamba(0).defined());
    EXPECT_FALSE(drop_path.mamba(1).defined());  // takes the first block's branch, whose rate is 0
    const std::vector<std::vector<double>> branches{drop_path.mamba(2).to_host(),     drop_path.mamba_end().to_host(),
                                                    drop_path.attention(0).to_host(), drop_path.mlp(0).to_host(),
                                                    drop_path.attention(1).to_host(), drop_path.mlp(1).to_host()};
    EXPECT_EQ(branches[0], expected(2, step, context));
    EXPECT_EQ(branches[1], expected(3, kRate, context));
    EXPECT_EQ(branches[2], expected(4, 3 * step, context));
    EXPECT_EQ(branches[3], expected(5, 3 * step, context));
    EXPECT_EQ(branches[4], expected(6, kRate, context));
    EXPECT_EQ(branches[5], expected(7, kRate, context));
    for (const auto& branch : branches)
      for (const double factor : branch) ++(factor == 0 ? dropped : kept);
  }
  EXPECT_GT(kept, 100);
  EXPECT_GT(dropped, 100);
}

TEST(DropPath, FactorsThatWereBroughtAreThoseThatItDraws) {
  const Pass context{.training = true, .seed = 11, .step = 3, .samples = {0, 5, 6, 1000}};
  const std::vector<float> factors = DropPath::draw(kRate, kDepth, context);
  ASSERT_EQ(factors.size(), 8u * 4u);  // three Mamba blocks and one place behind them, two attention blocks of two each
  const Pass brought{.training = true, .draws = Tensor::from_host(factors, {8, 4}, DType::kF32)};
  const DropPath drawn(kRate, kDepth, context, 4), given(kRate, kDepth, brought, 4);
  EXPECT_EQ(given.mamba(2).to_host(), drawn.mamba(2).to_host());
  EXPECT_EQ(given.mamba_end().to_host(), drawn.mamba_end().to_host());
  for (const std::size_t i : {0u, 1u}) {
    EXPECT_EQ(given.attention(i).to_host(), drawn.attention(i).to_host());
    EXPECT_EQ(given.mlp(i).to_host(), drawn.mlp(i).to_host());
  }
  EXPECT_FALSE(given.mamba(0).defined());
  EXPECT_THROW(DropPath(kRate, kDepth, brought, 3), InternalError) << "factors of another batch";
  EXPECT_TRUE(DropPath::draw(0, kDepth, context).empty());
  EXPECT_TRUE(DropPath::draw(kRate, kDepth, {.samples = {0}}).empty()) << "outside of training";
}

TEST(DropPath, KeepsEverythingOutsideOfTrainingAndAtRateZero) {
  const Pass training{.training = true, .samples = {0}};
  for (const DropPath& drop_path : {DropPath(kRate, kDepth, {}, 1), DropPath(0, kDepth, training, 1)}) {
    EXPECT_FALSE(drop_path.mamba(2).defined());
    EXPECT_FALSE(drop_path.mamba_end().defined());
    EXPECT_FALSE(drop_path.attention(1).defined());
    EXPECT_FALSE(drop_path.mlp(1).defined());
  }
}

}  // namespace
}  // namespace brainmt::models
