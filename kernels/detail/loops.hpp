#pragma once
// The loop shapes of the memory-bound kernels, written once for host and device:
//
//   for_each(exec, label, count, f)      f(i) for every element
//   for_each_row(exec, label, rows, f)   f(team, row) for every row; inside it, `row_for` and `row_sum` run along the
//   row
//
// On the host an element loop is cut in blocks and a row belongs to one thread, and the innermost loops are plain ones
// that the compiler vectorises: f must be inlinable and iterations independent. Portable kernels (a device's, or the
// host's under BRAINMT_PORTABLE_KERNELS) give every element a work item and every row a warp: lane c % 32 owns column
// c, so that a lane may read what it wrote in an earlier row_for. Sums have an order fixed by the length alone.
#include <string>

#include "kernels/types.hpp"

namespace brainmt::kernels::detail {

inline constexpr bool kOnHost = Kokkos::SpaceAccessibility<Exec, Kokkos::HostSpace>::accessible;
#if defined(BRAINMT_PORTABLE_KERNELS)
inline constexpr bool kPortable = true;
#else
inline constexpr bool kPortable = false;
static_assert(kOnHost, "kernels for a device are the portable ones: configure with BRAINMT_PORTABLE_KERNELS=ON");
#endif
/// Whether this type runs the plain loops of kernels/ref: double on the host, unless the portable kernels are asked
/// for.
template <class T>
inline constexpr bool kRunsOracle = std::is_same_v<T, double> && !kPortable;

inline constexpr std::size_t kElementBlock =
    4096;                                     // elements of one host work item: a few pages, far above loop overhead
inline constexpr std::size_t kSumLanes = 16;  // independent partial sums along a row: one 512-bit register of float

struct HostRow {};  // team of one thread
using TeamPolicy = Kokkos::TeamPolicy<Exec, Kokkos::IndexType<std::size_t>>;
using RowTeam = std::conditional_t<kPortable, TeamPolicy::member_type, HostRow>;
inline constexpr int kRowsPerTeam = kOnHost ? 1 : 4;  // of a portable kernel: one warp each
inline constexpr int kWarp = 32;

/// f(team, row) for the rows of one team.
template <class F>
struct TeamRows {
  F f;
  std::size_t row_count;

  KOKKOS_FUNCTION void operator()(const TeamPolicy::member_type& team) const {
    const std::size_t row = static_cast<std::size_t>(team.league_rank()) * static_cast<std::size_t>(team.team_size()) +
                            static_cast<std::size_t>(team.team_rank());
    if (row < row_count) f(team, row);
  }
};

/// The policy of a portable kernel: what it captures goes along as the launch's arguments (a device would copy more
/// than 512 bytes through constant memory, and wait for it).
template <class Policy>
auto light(const Policy& policy) {
  return Kokkos::Experimental::require(policy, Kokkos::Experimental::WorkItemProperty::HintLightWeight);
}

/// What a device's launch takes along goes as its arguments, of which there are 4 KiB with Kokkos' own. More would be
/// copied to the device first, out of order and with a wait, which cannot be captured either (base/capture.hpp).
template <class F>
inline constexpr bool kFitsArguments = kOnHost || sizeof(F) <= 3072;

template <class F>
void for_each(const Exec& exec, const std::string& label, std::size_t count, const F& f) {
  using Policy = Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::size_t>>;
  if constexpr (!kPortable) {
    const std::size_t blocks = (count + kElementBlock - 1) / kElementBlock;
    Kokkos::parallel_for(label, Policy(exec, 0, blocks), [=](std::size_t block) {
      const F body = f;  // a local copy: the pointers in it stay in registers across the stores
      const std::size_t end = block + 1 == blocks ? count : (block + 1) * kElementBlock;
#pragma GCC ivdep
      for (std::size_t i = block * kElementBlock; i < end; ++i) body(i);
    });
  } else {
    static_assert(kFitsArguments<F>);
    Kokkos::parallel_for(label, light(Policy(exec, 0, count)), f);
  }
}

template <class F>
void for_each_row(const Exec& exec, const std::string& label, std::size_t row_count, const F& f) {
  if (row_count == 0) return;
  if constexpr (!kPortable) {
    using Policy = Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::size_t>>;
    Kokkos::parallel_for(label, Policy(exec, 0, row_count), [=](std::size_t row) { f(HostRow{}, row); });
  } else {
    static_assert(kFitsArguments<TeamRows<F>>);
    const std::size_t teams = (row_count + kRowsPerTeam - 1) / kRowsPerTeam;
    const TeamPolicy policy(exec, static_cast<int>(teams), kRowsPerTeam, kOnHost ? 1 : kWarp);
    Kokkos::parallel_for(label, light(policy), TeamRows<F>{f, row_count});
  }
}

template <class F>
inline void row_for(HostRow, std::size_t count, const F& f) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) f(i);
}
template <class Team, class F>
KOKKOS_INLINE_FUNCTION void row_for(const Team& team, std::size_t count, const F& f) {
  Kokkos::parallel_for(Kokkos::ThreadVectorRange(team, count), f);
}

/// Sum of f(0) .. f(count - 1), the same on every member of the team.
template <class S, class F>
inline S row_sum(HostRow, std::size_t count, const F& f) {
  S lanes[kSumLanes] = {};
  const std::size_t whole = count - count % kSumLanes;
  for (std::size_t i = 0; i < whole; i += kSumLanes)
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) lanes[lane] += f(i + lane);
  for (std::size_t i = whole; i < count; ++i) lanes[i - whole] += f(i);
  for (std::size_t half = kSumLanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}
template <class S, class Team, class F>
KOKKOS_INLINE_FUNCTION S row_sum(const Team& team, std::size_t count, const F& f) {
  S sum = 0;
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(team, count), [&](std::size_t i, S& s) { s += f(i); }, sum);
  return sum;
}

/// Largest of f(0) .. f(count - 1), count at least 1, the same on every member of the team.
template <class S, class F>
inline S row_max(HostRow, std::size_t count, const F& f) {
  S largest = f(0);
  for (std::size_t i = 1; i < count; ++i) largest = f(i) > largest ? f(i) : largest;
  return largest;
}
template <class S, class Team, class F>
KOKKOS_INLINE_FUNCTION S row_max(const Team& team, std::size_t count, const F& f) {
  S largest = f(0);
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(team, count), [&](std::size_t i, S& m) { m = f(i) > m ? f(i) : m; },
      Kokkos::Max<S>(largest));
  return largest;
}

}  // namespace brainmt::kernels::detail
