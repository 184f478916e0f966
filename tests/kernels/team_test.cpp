// Code that only a device runs, played by an emulated team: the exchanges of a warp against plain sums, and the bodies
// of the portable scan against the same bodies run by one thread.
#include "kernels/device/team.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>

#include "kernels/device/scan_local.hpp"
#include "kernels/device/scan_output_bwd.hpp"
#include "kernels/device/scan_output_fwd.hpp"
#include "scan_problem.hpp"
#include "support/emulated_team.hpp"

namespace brainmt::kernels::device {
namespace {

using test::EmulatedTeam;
using Lockstep = LockstepTeam<EmulatedTeam::Member>;

// Every sum over two warps, of numbers whose sums are exact.
template <int kStride, int kValues>
void expect_sums() {
  constexpr int kSize = 2 * kTeamLanes;
  const auto value = [](int member, int i) { return static_cast<double>((member * 37 + i * 101) % 97); };
  std::vector<double> want(kSize), lockstep(kSize, -1), serial(kSize, -1);
  for (int member = 0; member < kSize; ++member) {
    const int bits = (kValues - 1) * kStride, mine = member / kStride % kValues;
    for (int other = 0; other < kSize; ++other)
      if ((other & ~bits) == (member & ~bits)) want[static_cast<std::size_t>(member)] += value(other, mine);
  }
  const auto body = [&](const auto& team, double* sums) {
    team.phase([&](int member) {
      double values[kValues];
      for (int i = 0; i < kValues; ++i) values[i] = value(member, i);
      team.template sum<kStride>(values, member, sums + member / kTeamLanes * kTeamLanes);
    });
  };
  body(SerialTeam<kSize>(), serial.data());
  EXPECT_TRUE(EmulatedTeam(kSize, false).run([&](const EmulatedTeam::Member& member) {
    body(Lockstep{member}, lockstep.data());
  }));
  EXPECT_EQ(serial, want);
  EXPECT_EQ(lockstep, want);
}

TEST(Team, LanesEndWithTheSumsOfTheirValues) {
  expect_sums<1, 2 * kOwnChannels>();           // sums over states
  expect_sums<kStateGroups, 2 * kOwnStates>();  // sums over channels
  expect_sums<1, kTeamLanes>();
  expect_sums<kTeamLanes / 2, 2>();
  expect_sums<1, 1>();
}

// What the emulation is for: member reads what its neighbour wrote, in one phase or in the next.
TEST(Team, AMissingBarrierShows) {
  constexpr int kSize = kTeamLanes;
  const auto wrong = [](bool barrier, bool last_first, int neighbour) {
    std::vector<int> shared(kSize, -1), got(kSize);
    EXPECT_TRUE(EmulatedTeam(kSize, last_first).run([&](const EmulatedTeam::Member& self) {
      const auto write = [&](int member) { shared[static_cast<std::size_t>(member)] = member; };
      const auto read = [&](int member) {
        got[static_cast<std::size_t>(member)] = shared[static_cast<std::size_t>((member + neighbour) % kSize)];
      };
      const Lockstep team{self};
      if (barrier) {
        team.phase(write);
        team.phase(read);
      } else {
        team.phase([&](int member) {
          write(member);
          read(member);
        });
      }
    }));
    return static_cast<int>(std::count(got.begin(), got.end(), -1));
  };
  EXPECT_EQ(wrong(true, false, 1) + wrong(true, true, kSize - 1), 0);
  EXPECT_EQ(wrong(false, false, 1), kSize - 1);
  EXPECT_EQ(wrong(false, true, kSize - 1), kSize - 1);
}

TEST(Team, UnequalWaitingIsTold) {
  EXPECT_FALSE(EmulatedTeam(4, false).run([](const EmulatedTeam::Member& member) {
    if (member.rank() == 3) member.barrier();
  }));
}

/// body(team, index, memory) for all teams, each memory full of NaN at first.
template <class Memory, class Body>
void run_serial(int teams, const Body& body) {
  const auto memory = std::make_unique<Memory>();
  for (int index = 0; index < teams; ++index) {
    std::memset(static_cast<void*>(memory.get()), 0xff, sizeof(Memory));
    body(SerialTeam<kMembers>(), index, *memory);
  }
}
template <class Memory, class Body>
void run_emulated(int teams, bool last_first, const Body& body) {
  const auto memory = std::make_unique<Memory>();
  for (int index = 0; index < teams; ++index) {
    std::memset(static_cast<void*>(memory.get()), 0xff, sizeof(Memory));
    EXPECT_TRUE(EmulatedTeam(kMembers, last_first).run([&](const EmulatedTeam::Member& member) {
      body(Lockstep{member}, index, *memory);
    }));
  }
}

// Two tiles, the second one not full; two segments, the second one not full; fewer states than a pass has.
struct TeamScan : testing::Test {
  using M = float;
  Problem problem = make_problem<M>({1, 83, 40, 13}, {Direction::kForward, Direction::kReverse});
  std::vector<DirectionBuffers<M>> buffers;
  std::vector<ScanDirection<M>> scans;
  ScanProblem<M> launch;

  void SetUp() override {
    if (!detail::kOnHost)
      GTEST_SKIP() << "missing hardware, a host device for Kokkos: this build's kernels use a GPU's memory, which the "
                      "emulated threads cannot read";
    for (const DirectionInputs& in : problem.directions) {
      buffers.emplace_back(in, problem.shape);
      scans.push_back(buffers.back().scan());
    }
    launch = scan_problem<M>(scans, 1, problem.shape.length);
  }
  TeamGrid grid(std::size_t segments, int directions) const { return TeamGrid::of(launch, segments, 1, directions); }

  /// Runs `body` by one thread, then by emulated teams in both orders; what `results` gives is the same up to the order
  /// of sums over 8 lanes and 2 warps.
  template <class Memory, class Body, class Get>
  void expect_same(int teams, const Body& body, const Get& results) {
    run_serial<Memory>(teams, body);
    const std::vector<Values> want = results();
    for (const bool last_first : {false, true}) {
      run_emulated<Memory>(teams, last_first, body);
      const std::vector<Values> got = results();
      for (std::size_t k = 0; k < want.size(); ++k) {
        double most = 0;
        for (const double value : want[k]) most = std::max(most, std::abs(value));
        ASSERT_TRUE(most > 0);
        expect_close(got[k], want[k], 16 * roundoff<M>() * most, 0, last_first ? "last member first" : "first first");
      }
    }
  }
};

TEST_F(TeamScan, LocalScanForwardMatchesOneThread) {
  const TeamGrid teams = grid(1, 2);
  const Buffer<M> totals(2 * problem.shape.channels, 0.0);
  for (const DirectionBuffers<M>& direction : buffers)
    std::fill_n(direction.states.data(), direction.states.count(), M(0));
  expect_same<LocalScanMemory<M>>(teams.teams(), LocalScan<M, true>{launch, teams, {}, nullptr, totals.data(), 0}, [&] {
    return std::vector<Values>{totals.values(), buffers[0].states.values(), buffers[1].states.values()};
  });
}

TEST_F(TeamScan, LocalScanBackwardMatchesOneThread) {
  const TeamGrid teams = grid(1, 2);
  const Buffer<M> dy(problem.dy), totals(2 * problem.shape.channels, 0.0);
  const Buffer<M> arriving(2 * 2 * problem.shape.states * problem.shape.channels, 0.0);
  const LocalScan<M, false> local_scan{launch,          teams,         dy.in_rows(problem.shape.channels),
                                       arriving.data(), totals.data(), 0};
  expect_same<LocalScanMemory<M>>(teams.teams(), local_scan, [&] {
    return std::vector<Values>{totals.values(), arriving.values()};
  });
}

TEST_F(TeamScan, OutputPassesMatchOneThread) {
  const std::size_t e = problem.shape.channels, n = problem.shape.states, segments = launch.segments();
  const Buffer<M> y(problem.dy.size(), 0.0), dy(problem.dy), arriving(2 * segments * n * e);
  selective_scan_fwd<M>(Exec(), y.rows(e), scans, 1, problem.shape.length);  // fills `states`
  join_segments<false>(Exec(), launch, dy.in_rows(e), arriving.data());
  const TeamGrid teams = grid(segments, 1);
  expect_same<OutputMemoryFwd<M>>(teams.teams(), OutputPassFwd<M>{launch, teams, y.rows(e), 0, 0},
                                  [&] { return std::vector<Values>{y.values()}; });

  const int reverse = 1;
  const DirectionBuffers<M>& to = buffers[reverse];
  std::fill_n(to.dx.data(), to.dx.count(), M(0));  // wider than what is written
  const std::size_t tokens = segments * kScanSegment;
  const Buffer<M> channel_sums(segments * (n + 2) * e, 0.0), tile_sums(2 * tokens * kRow, 0.0);
  const M* from = arriving.data() + segments * n * e;
  const OutputPassBwd<M> output_pass{launch, teams,  to.gradients(),      dy.in_rows(e),    from,    0,
                                     0,      tokens, channel_sums.data(), tile_sums.data(), reverse, 0};
  expect_same<OutputMemoryBwd<M>>(teams.teams(), output_pass, [&] {
    return std::vector<Values>{channel_sums.values(), tile_sums.values(), to.dx.values(), to.ddelta_raw.values()};
  });
}

}  // namespace
}  // namespace brainmt::kernels::device
