// The reducer in both modes against plain arithmetic: small integers, where every order of summation is exact, and for
// kWorld values whose sum depends on the order, compared bit by bit with the same tree added up in one process.
#include "comm/gradient_reducer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "support.hpp"

namespace brainmt::comm {
namespace {

constexpr std::size_t kSizes[] = {1, 3, 64, 7, 1, 130, 31, 5};  // of the parameters; a gap of 2 follows each third one

struct Layout {
  std::vector<ParameterRange> parameters;
  std::size_t count = 0;
};

Layout make_layout() {
  Layout layout;
  for (const std::size_t size : kSizes) {
    layout.parameters.push_back({layout.count, size});
    layout.count += size + (layout.parameters.size() % 3 == 0 ? 2 : 0);
  }
  return layout;
}

// Runs one step: gradient(shard, i) is what the backward pass of a micro shard adds to element i. Returns the flat
// array after finish(). Ranks report their parameters in different orders.
template <class T, class Gradient>
std::vector<T> run_step(Communicator& comm, GradientReducer<T>& reducer, const Layout& layout, std::vector<T>& flat,
                        int micro_steps, Determinism mode, Gradient gradient) {
  std::ranges::fill(flat, T{0});
  reducer.begin_step(micro_steps);
  for (int m = 0; m < micro_steps; ++m) {
    if (mode == Determinism::kWorld) std::ranges::fill(flat, T{0});
    reducer.begin_micro_step();
    const int shard = comm.rank() * micro_steps + m;
    for (const std::size_t p : shuffled(layout.parameters.size(), 97 * shard + 5)) {
      const auto [offset, count] = layout.parameters[p];
      for (std::size_t i = offset; i < offset + count; ++i) flat[i] += gradient(shard, i);
      reducer.ready(p);
    }
  }
  EXPECT_GE(reducer.finish(), 0.0);
  for (std::size_t b = 0; b < reducer.bucket_count(); ++b) EXPECT_EQ(reducer.bucket_state(b), BucketState::kReduced);
  return flat;
}

bool in_gap(const Layout& layout, std::size_t i) {
  return std::ranges::none_of(layout.parameters,
                              [i](const ParameterRange& p) { return i >= p.offset && i < p.offset + p.count; });
}

template <class T>
class GradientReducerTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(GradientReducerTest, Types);

TYPED_TEST(GradientReducerTest, SumsSmallIntegersExactly) {
  const auto comm = mpi_world();
  const Layout layout = make_layout();
  const auto gradient = [](int shard, std::size_t i) {
    return static_cast<TypeParam>((shard + 1) * static_cast<int>(i % 11) - 3 * shard);
  };
  for (const Determinism mode : {Determinism::kRank, Determinism::kWorld}) {
    for (const std::size_t bucket_elements : {std::size_t{1}, std::size_t{70}, layout.count}) {
      std::vector<TypeParam> flat(layout.count);
      GradientReducer<TypeParam> reducer(*comm, layout.parameters, flat.data(), flat.size(),
                                         bucket_elements * sizeof(TypeParam), mode);
      EXPECT_EQ(reducer.bucket_count() == 1, bucket_elements == layout.count);
      for (const int micro_steps : {1, 4, 2}) {  // the same reducer, step after step
        const auto sum = run_step(*comm, reducer, layout, flat, micro_steps, mode, gradient);
        for (std::size_t i = 0; i < layout.count; ++i) {
          TypeParam expected = 0;
          for (int s = 0; s < comm->size() * micro_steps; ++s) expected += gradient(s, i);
          if (in_gap(layout, i)) continue;
          ASSERT_EQ(sum[i], expected) << "element " << i << ", " << micro_steps << " micro steps";
        }
      }
    }
  }
}

// [shard][element]: magnitudes over 16 decades with both signs, so that most sums depend on the order of the additions.
template <class T>
std::vector<std::vector<T>> nasty_gradients(int shards, std::size_t count) {
  std::vector<std::vector<T>> all(shards, std::vector<T>(count));
  Philox random(1234, 7);
  for (std::vector<T>& shard : all) {
    for (T& value : shard) value = static_cast<T>(random.normal() * std::pow(10.0, random.uniform(-8.0, 8.0)));
  }
  return all;
}

// Adds up shards [first, first + shards) of element i: all of the largest power of two below, and the rest.
template <class T>
T tree_sum(const std::vector<std::vector<T>>& gradients, int first, int shards, std::size_t i) {
  if (shards == 1) return gradients[first][i];
  const int left = static_cast<int>(std::bit_ceil(static_cast<unsigned>(shards)) / 2);
  return tree_sum(gradients, first, left, i) + tree_sum(gradients, first + left, shards - left, i);
}

TYPED_TEST(GradientReducerTest, WorldModeGivesTheSameBitsForEveryNumberOfRanks) {
  constexpr int kShards = 16;  // of the whole job; the ranks that run this test share them
  const auto comm = mpi_world();
  const Layout layout = make_layout();
  const auto gradients = nasty_gradients<TypeParam>(kShards, layout.count);
  std::vector<TypeParam> expected(layout.count), in_sequence(layout.count);
  for (std::size_t i = 0; i < layout.count; ++i) {
    if (in_gap(layout, i)) continue;
    expected[i] = tree_sum(gradients, 0, kShards, i);
    for (int s = 0; s < kShards; ++s) in_sequence[i] += gradients[s][i];
  }
  ASSERT_NE(expected, in_sequence) << "these values cannot tell one order of summation from another";

  for (const std::size_t bucket_elements : {std::size_t{1}, std::size_t{70}, layout.count}) {
    std::vector<TypeParam> flat(layout.count);
    GradientReducer<TypeParam> reducer(*comm, layout.parameters, flat.data(), flat.size(),
                                       bucket_elements * sizeof(TypeParam), Determinism::kWorld);
    const auto sum = run_step(*comm, reducer, layout, flat, kShards / comm->size(), Determinism::kWorld,
                              [&](int shard, std::size_t i) { return gradients[shard][i]; });
    EXPECT_EQ(std::memcmp(sum.data(), expected.data(), sum.size() * sizeof(TypeParam)), 0);
  }
}

// The first `size` ranks of the job; null on the others.
std::unique_ptr<Communicator> first_ranks(int size) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm some = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank < size ? 0 : MPI_UNDEFINED, rank, &some);
  if (some == MPI_COMM_NULL) return nullptr;
  auto comm = std::make_unique<MpiCommunicator>(some);
  MPI_Comm_free(&some);
  return comm;
}

TYPED_TEST(GradientReducerTest, WorldModeHasATreeForEveryCount) {
  const int all_ranks = mpi_world()->size();
  const Layout layout = make_layout();
  for (int ranks = 1; ranks <= all_ranks; ++ranks) {
    const auto comm = first_ranks(ranks);
    if (!comm) continue;
    std::vector<TypeParam> flat(layout.count);
    GradientReducer<TypeParam> reducer(*comm, layout.parameters, flat.data(), flat.size(), 70 * sizeof(TypeParam),
                                       Determinism::kWorld);
    for (const int micro_steps : {3, 1, 7, 8, 2, 5, 6, 12}) {  // the same reducer, step after step
      const int shards = ranks * micro_steps;
      const auto gradients = nasty_gradients<TypeParam>(shards, layout.count);
      const auto sum = run_step(*comm, reducer, layout, flat, micro_steps, Determinism::kWorld,
                                [&](int shard, std::size_t i) { return gradients[shard][i]; });
      for (std::size_t i = 0; i < layout.count; ++i)
        ASSERT_EQ(sum[i], in_gap(layout, i) ? TypeParam{0} : tree_sum(gradients, 0, shards, i))
            << "element " << i << ", " << ranks << " ranks x " << micro_steps;
    }
  }
}

TEST(GradientReducer, ABucketStartsAsSoonAsItsTurnHasCome) {
  SelfCommunicator comm;
  const ParameterRange parameters[] = {{0, 2}, {2, 2}, {4, 2}};
  float flat[6] = {};
  GradientReducer<float> reducer(comm, parameters, flat, 6, 2 * sizeof(float), Determinism::kRank);
  ASSERT_EQ(reducer.bucket_count(), 3u);  // bucket 0 holds the last parameter
  reducer.begin_step(1);
  reducer.begin_micro_step();
  reducer.ready(1);
  EXPECT_EQ(reducer.bucket_state(1), BucketState::kComplete);  // waits for bucket 0
  EXPECT_EQ(reducer.bucket_state(0), BucketState::kFilling);
  reducer.ready(2);
  EXPECT_EQ(reducer.bucket_state(0), BucketState::kReduced);
  EXPECT_EQ(reducer.bucket_state(1), BucketState::kReduced);
  reducer.ready(0);
  reducer.finish();
}

TEST(GradientReducer, MissingAndRepeatedReadyAreErrors) {
  SelfCommunicator comm;
  const Layout layout = make_layout();
  std::vector<float> flat(layout.count);
  for (const Determinism mode : {Determinism::kRank, Determinism::kWorld}) {
    GradientReducer<float> reducer(comm, layout.parameters, flat.data(), flat.size(), 64, mode);
    reducer.begin_step(1);
    reducer.begin_micro_step();
    for (std::size_t p = layout.parameters.size(); p-- > 0;) {
      if (p != 3) reducer.ready(p);
    }
    EXPECT_THROW(reducer.ready(5), InternalError);
    try {
      reducer.finish();
      FAIL() << "finished without parameter 3";
    } catch (const InternalError& error) {
      EXPECT_NE(std::string(error.what()).find("parameter 3 never became ready"), std::string::npos) << error.what();
    }
  }
}

TEST(GradientReducer, MissingReadyIsSeenAtTheNextMicroStep) {
  SelfCommunicator comm;
  const ParameterRange parameters[] = {{0, 2}, {2, 2}};
  float flat[4] = {};
  GradientReducer<float> reducer(comm, parameters, flat, 4, 64, Determinism::kRank);
  reducer.begin_step(2);
  reducer.begin_micro_step();
  reducer.ready(1);
  EXPECT_THROW(reducer.begin_micro_step(), InternalError);
}

TEST(GradientReducer, OverlappingParametersAreABug) {
  SelfCommunicator comm;
  float flat[4] = {};
  const ParameterRange overlap[] = {{0, 3}, {2, 2}}, beyond[] = {{0, 2}, {2, 3}};
  EXPECT_THROW(GradientReducer<float>(comm, overlap, flat, 4, 64, Determinism::kRank), InternalError);
  EXPECT_THROW(GradientReducer<float>(comm, beyond, flat, 4, 64, Determinism::kRank), InternalError);
}

}  // namespace
}  // namespace brainmt::comm
