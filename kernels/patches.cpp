// A work item is one patch, or one line of voxels; both move runs along the last axis, which is contiguous in either.
#include "kernels/patches.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class T>
void patch_gather(const Exec& exec, View2<T> patches, View4<const T> voxels, std::size_t edge) {
  detail::count_traffic("brainmt::patch::gather", patches, voxels);
  const std::size_t ny = voxels.extent(1), nx = voxels.extent(2), nz = voxels.extent(3);
  const std::size_t py = patch_count(ny, edge), px = patch_count(nx, edge), pz = patch_count(nz, edge);
  detail::for_each_row(
      exec, "brainmt::patch::gather", voxels.extent(0) * py * px * pz,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t n = row / (py * px * pz);
        const std::size_t y0 = row / (px * pz) % py * edge, x0 = row / pz % px * edge, z0 = row % pz * edge;
        const std::size_t inside = nz - z0 < edge ? nz - z0 : edge;
        for (std::size_t a = 0; a < edge; ++a)
          for (std::size_t b = 0; b < edge; ++b) {
            T* out = &patches(row, (a * edge + b) * edge);
            const std::size_t known = y0 + a < ny && x0 + b < nx ? inside : 0;
            const T* line = known > 0 ? &voxels(n, y0 + a, x0 + b, z0) : nullptr;
            detail::row_for(team, known, [=](std::size_t c) { out[c] = line[c]; });
            detail::row_for(team, edge - known, [=](std::size_t c) { out[known + c] = T(0); });
          }
      });
}

template <class T>
void patch_scatter(const Exec& exec, View4<T> dvoxels, View2<const T> dpatches, std::size_t edge) {
  detail::count_traffic("brainmt::patch::scatter", dvoxels, dvoxels);
  const std::size_t ny = dvoxels.extent(1), nx = dvoxels.extent(2), nz = dvoxels.extent(3);
  const std::size_t py = patch_count(ny, edge), px = patch_count(nx, edge), pz = patch_count(nz, edge);
  detail::for_each_row(
      exec, "brainmt::patch::scatter", dvoxels.extent(0) * ny * nx,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t n = row / (ny * nx), y = row / nx % ny, x = row % nx;
        const std::size_t first = ((n * py + y / edge) * px + x / edge) * pz;
        const std::size_t tap = (y % edge * edge + x % edge) * edge;
        for (std::size_t z = 0; z < pz; ++z) {
          T* line = &dvoxels(n, y, x, z * edge);
          const T* in = &dpatches(first + z, tap);
          const std::size_t inside = nz - z * edge < edge ? nz - z * edge : edge;
          detail::row_for(team, inside, [=](std::size_t c) { line[c] = in[c]; });
        }
      });
}

#define BRAINMT_INSTANTIATE(T)                                                       \
  template void patch_gather<T>(const Exec&, View2<T>, View4<const T>, std::size_t); \
  template void patch_scatter<T>(const Exec&, View4<T>, View2<const T>, std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
