#pragma once
// Kernels of teams that share memory, in one source for a device and for the host. A body is a sequence of phases:
// between two of them every member has arrived, and what one wrote in the shared memory the others may read. On a
// device a member is a thread, with its own variables in registers; on the host one thread plays all of them, one after
// the other in each phase, and keeps their variables in an array (`Kept`).
//
// Sums over lanes of a warp are part of a phase: `sum<kStride>(value, member, to)` adds up value[i] over the lanes that
// differ in kValues - 1 times kStride, and leaves it in `to[lane]` of the lane that has i there. On a device kValues -
// 1 exchanges do it: in each round a lane keeps one half of its values and gives the other half to the lane that keeps
// that one. On the host the lanes come in order and add to what stands there.
#include "kernels/detail/loops.hpp"

namespace brainmt::kernels::device {

inline constexpr int kTeamLanes = 32;  // of a warp

/// Of value[i], i = lane / kStride % kValues, the sum over the lanes that differ in these bits. `exchange(value,
/// distance)` gives the value of the lane whose number differs in that bit; every lane of the warp takes part.
template <int kStride, int kValues, class M, class Exchange>
KOKKOS_INLINE_FUNCTION M sum_over_lanes(M (&value)[kValues], int lane, const Exchange& exchange) {
  static_assert((kValues & (kValues - 1)) == 0 && kValues * kStride <= kTeamLanes);
  for (int half = kValues / 2; half > 0; half /= 2) {
    const bool upper = (lane & (half * kStride)) != 0;  // keeps the values with this bit
    for (int i = 0; i < kValues / 2; ++i) {
      if (i >= half) break;
      const M keep = upper ? value[i + half] : value[i], give = upper ? value[i] : value[i + half];
      value[i] = keep + exchange(give, half * kStride);
    }
  }
  return value[0];
}

/// All members by one thread.
template <int kMembers>
struct SerialTeam {
  static constexpr int kKept = kMembers;

  template <class F>
  KOKKOS_INLINE_FUNCTION void phase(const F& f) const {
    for (int member = 0; member < kMembers; ++member) f(member);
  }
  template <int kStride, int kValues, class M>
  KOKKOS_INLINE_FUNCTION void sum(M (&value)[kValues], int member, M* to) const {
    constexpr int kBits = (kValues - 1) * kStride;
    const int lane = member % kTeamLanes;
    M* target = to + (lane & ~kBits);
    for (int i = 0; i < kValues; ++i)
      target[i * kStride] = (lane & kBits) == 0 ? value[i] : target[i * kStride] + value[i];
  }
};

/// Members side by side. Member: rank(), barrier(), exchange(value, distance).
template <class Member>
struct LockstepTeam {
  static constexpr int kKept = 1;
  Member self;

  template <class F>
  KOKKOS_INLINE_FUNCTION void phase(const F& f) const {
    f(self.rank());
    self.barrier();
  }
  template <int kStride, int kValues, class M>
  KOKKOS_INLINE_FUNCTION void sum(M (&value)[kValues], int member, M* to) const {
    const int lane = member % kTeamLanes;
    to[lane] =
        sum_over_lanes<kStride>(value, lane, [&](M given, int distance) { return self.exchange(given, distance); });
  }
};

/// Per-member variables that live across phases.
template <class Own, class Team>
struct Kept {
  Own of[Team::kKept];
  KOKKOS_INLINE_FUNCTION Own& operator[](int member) { return of[Team::kKept == 1 ? 0 : member]; }
};

#if defined(__CUDA_ARCH__)
template <class Handle>
struct DeviceMember {
  const Handle& handle;

  __device__ int rank() const { return handle.team_rank(); }
  __device__ void barrier() const { handle.team_barrier(); }
  template <class M>
  __device__ M exchange(M value, int distance) const {
    return __shfl_xor_sync(0xffffffffu, value, distance);
  }
};
#endif

/// body(team, index, memory) for the teams of a launch.
template <class Body, class Memory, int kMembers, int kLevel>
struct TeamItems {
  Body body;

  template <class Handle>
  KOKKOS_INLINE_FUNCTION void operator()(const Handle& handle) const {
    auto& memory =
        *static_cast<Memory*>(handle.team_scratch(kLevel).get_shmem_aligned(sizeof(Memory), alignof(Memory)));
    const int index = handle.league_rank();
#if defined(__CUDA_ARCH__)
    body(LockstepTeam<DeviceMember<Handle>>{{handle}}, index, memory);
#else
    body(SerialTeam<kMembers>(), index, memory);
#endif
  }
};

/// body(team, index, memory) for index = 0 .. count - 1, each with kMembers members and a Memory of their own that
/// holds nothing yet.
template <class Memory, int kMembers, class Body>
void for_each_team(const Exec& exec, const std::string& label, int count, const Body& body) {
  if (count == 0) return;
  // Kokkos gives a team 48 KiB of a processor's own memory at most; larger ones (double) lie in the device's memory.
  constexpr int kLevel = sizeof(Memory) <= 47 * 1024 ? 0 : 1;
  // No least number of teams a processor: Kokkos refuses a launch where a smaller device's memory has no room for them.
  using Policy = Kokkos::TeamPolicy<Exec, Kokkos::IndexType<std::size_t>, Kokkos::LaunchBounds<kMembers, 1>>;
  Policy policy(exec, count, detail::kOnHost ? 1 : kMembers);
  policy.set_scratch_size(kLevel, Kokkos::PerTeam(static_cast<int>(sizeof(Memory) + alignof(Memory))));
  Kokkos::parallel_for(label, detail::light(policy), TeamItems<Body, Memory, kMembers, kLevel>{body});
}

}  // namespace brainmt::kernels::device
