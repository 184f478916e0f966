// A work item owns one voxel of the grid in a few frames: the map is read, and the item's number divided, once for all
// of them. Items along Z write neighbours, and read neighbours too: packed voxels are in the order of the grid.
#include "kernels/grid_scatter.hpp"

#include "kernels/detail/half_bits.hpp"
#include "kernels/detail/loops.hpp"

namespace brainmt::kernels {
namespace {

constexpr std::size_t kFramesPerItem = 8;

}  // namespace

template <class T>
void grid_scatter(const Exec& exec, View2<T> dense, View2<const std::uint16_t> packed, View1<const std::uint32_t> map,
                  std::uint16_t fill) {
  const std::size_t frames = dense.extent(0), grid_voxels = dense.extent(1), voxels = packed.extent(1);
  const std::size_t frame_groups = (frames + kFramesPerItem - 1) / kFramesPerItem;
  T* out = dense.data();
  const std::uint16_t* in = packed.data();
  const std::uint32_t* index = map.data();
  detail::for_each(
      exec, "brainmt::grid::scatter", frame_groups * grid_voxels, KOKKOS_LAMBDA(std::size_t item) {
        const std::size_t group = item / grid_voxels, grid_voxel = item - group * grid_voxels;
        const std::size_t first = group * kFramesPerItem;
        const std::size_t end = first + kFramesPerItem < frames ? first + kFramesPerItem : frames;
        const std::uint32_t voxel = index[grid_voxel];
        for (std::size_t t = first; t < end; ++t) {
          const std::uint16_t bits = voxel == kOutsideMask ? fill : in[t * voxels + voxel];
          out[t * grid_voxels + grid_voxel] = static_cast<T>(detail::float_of_half(bits));
        }
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                                 \
  template void grid_scatter<T>(const Exec&, View2<T>, View2<const std::uint16_t>, View1<const std::uint32_t>, \
                                std::uint16_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
