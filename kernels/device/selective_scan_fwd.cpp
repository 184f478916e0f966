// Forward selective scan, a team for each segment and kTile channels. Segments are independent except for their initial
// state, so that a single sample fills a device:
//
//   local scan    each segment from a state of 0: its last state and the sum of its delta
//   chunk carry   from segment to segment: s := exp(A sum of delta) s + last state of the local scan
//   output pass   each segment again from its true initial state: y, one direction after the other
//
// The last state of segment k is stored in `states` of segment k + 1, where the chunk carry replaces it by the true
// one.
#include "kernels/detail/work.hpp"
#include "kernels/device/scan_local.hpp"
#include "kernels/device/scan_output_fwd.hpp"

namespace brainmt::kernels {

template <class T>
void selective_scan_fwd(const Exec& exec, MatrixView<T> y, std::span<const ScanDirection<T>> directions,
                        std::size_t batch, std::size_t length) {
  using namespace device;
  using M = Master<T>;
  const profile::Region region("brainmt::selective_scan::fwd", detail::scan_fwd_work(directions));
  const ScanProblem<T> problem = scan_problem(directions, batch, length);
  join_segments<true, T>(exec, problem, {}, nullptr);
  const TeamGrid grid = TeamGrid::of(problem, problem.segments(), batch, 1);
  for (int i = 0; i < problem.directions; ++i)
    for (int pass = 0; pass < problem.passes(); ++pass)
      for_each_team<OutputMemoryFwd<M>, kMembers>(exec, "brainmt::selective_scan::fwd", grid.teams(),
                                                  OutputPassFwd<T>{problem, grid, y, i, pass});
}

#define BRAINMT_INSTANTIATE(T)                                                                                    \
  template void selective_scan_fwd<T>(const Exec&, MatrixView<T>, std::span<const ScanDirection<T>>, std::size_t, \
                                      std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
