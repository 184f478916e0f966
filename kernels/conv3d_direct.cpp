// One work item an output (or input, or weight) element, channels fastest. Sums run over taps, then channels.
#include "kernels/conv3d_direct.hpp"

#include "kernels/conv3d_stem.hpp"
#include "kernels/detail/conv_grid.hpp"
#include "kernels/detail/loops.hpp"

namespace brainmt::kernels {
namespace {

using detail::ConvGrid;
using detail::Voxel;

// Calls f(number of the tap, a, b, c).
template <class F>
KOKKOS_INLINE_FUNCTION void for_taps(int kernel, const F& f) {
  for (int a = 0; a < kernel; ++a)
    for (int b = 0; b < kernel; ++b)
      for (int c = 0; c < kernel; ++c) f((a * kernel + b) * kernel + c, a, b, c);
}

}  // namespace

template <class T>
void conv3d_direct_fwd(const Exec& exec, View1<T> y, View1<const T> x, View1<const Master<T>> w,
                       View1<const Master<T>> bias, const Conv3dShape& shape, bool relu) {
  using M = Master<T>;
  if (is_single_channel_stem(shape)) return detail::conv3d_stem_fwd(exec, y, x, w, bias, shape, relu);
  const ConvGrid grid(shape);
  const auto outputs = static_cast<std::size_t>(grid.out_channels);
  detail::for_each(
      exec, "brainmt::conv3d_direct::fwd", y.extent(0), KOKKOS_LAMBDA(std::size_t index) {
        const std::size_t o = index % outputs;
        const Voxel voxel = grid.out_voxel(index / outputs);
        M sum = bias.extent(0) == 0 ? M(0) : bias(o);
        for_taps(grid.kernel, [&](int tap, int a, int b, int c) {
          const std::int64_t from = grid.input_of(voxel, a, b, c);
          if (from < 0) return;
          const T* in = x.data() + from * grid.in_channels;
          const M* weight = w.data() + static_cast<std::int64_t>(o) * grid.in_channels * grid.taps() + tap;
          for (std::int64_t i = 0; i < grid.in_channels; ++i) sum += weight[i * grid.taps()] * static_cast<M>(in[i]);
        });
        y(index) = static_cast<T>(relu && sum < M(0) ? M(0) : sum);
      });
}

template <class T>
void conv3d_direct_bwd_data(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const Master<T>> w,
                            const Conv3dShape& shape) {
  using M = Master<T>;
  const ConvGrid grid(shape);
  const auto inputs = static_cast<std::size_t>(grid.in_channels);
  detail::for_each(
      exec, "brainmt::conv3d_direct::bwd_data", dx.extent(0), KOKKOS_LAMBDA(std::size_t index) {
        const Voxel voxel = grid.in_voxel(index / inputs);
        const auto i = static_cast<std::int64_t>(index % inputs);
        M sum = 0;
        for_taps(grid.kernel, [&](int tap, int a, int b, int c) {
          const std::int64_t to = grid.output_of(voxel, a, b, c);
          if (to < 0) return;
          const T* gradient = dy.data() + to * grid.out_channels;
          const M* weight = w.data() + i * grid.taps() + tap;
          for (std::int64_t o = 0; o < grid.out_channels; ++o)
            sum += weight[o * grid.in_channels * grid.taps()] * static_cast<M>(gradient[o]);
        });
        dx(index) = static_cast<T>(sum);
      });
}

template <class T>
void conv3d_direct_bwd_weights(const Exec& exec, View1<Master<T>> dw, View1<const T> dy, View1<const T> x,
                               const Conv3dShape& shape) {
  using M = Master<T>;
  if (is_single_channel_stem(shape)) return detail::conv3d_stem_bwd_weights(exec, dw, dy, x, shape);
  const ConvGrid grid(shape);
  const auto voxels = static_cast<std::size_t>(shape.out_voxels());
  detail::for_each(
      exec, "brainmt::conv3d_direct::bwd_weights", dw.extent(0), KOKKOS_LAMBDA(std::size_t index) {
        const auto tap = static_cast<std::int64_t>(index) % grid.taps();
        const std::int64_t i = static_cast<std::int64_t>(index) / grid.taps() % grid.in_channels;
        const std::int64_t o = static_cast<std::int64_t>(index) / (grid.taps() * grid.in_channels);
        const int k = grid.kernel, a = static_cast<int>(tap / (k * k)), b = static_cast<int>(tap / k % k),
                  c = static_cast<int>(tap % k);
        M sum = 0;
        for (std::size_t v = 0; v < voxels; ++v) {
          const std::int64_t from = grid.input_of(grid.out_voxel(v), a, b, c);
          if (from >= 0)
            sum += static_cast<M>(dy(v * static_cast<std::size_t>(grid.out_channels) + static_cast<std::size_t>(o))) *
                   static_cast<M>(x(static_cast<std::size_t>(from * grid.in_channels + i)));
        }
        dw(index) += sum;
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                              \
  template void conv3d_direct_fwd<T>(const Exec&, View1<T>, View1<const T>, View1<const Master<T>>,         \
                                     View1<const Master<T>>, const Conv3dShape&, bool);                     \
  template void conv3d_direct_bwd_data<T>(const Exec&, View1<T>, View1<const T>, View1<const Master<T>>,    \
                                          const Conv3dShape&);                                              \
  template void conv3d_direct_bwd_weights<T>(const Exec&, View1<Master<T>>, View1<const T>, View1<const T>, \
                                             const Conv3dShape&);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
