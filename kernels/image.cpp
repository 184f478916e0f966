#include "kernels/image.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class T>
void canvas_patches_fwd(const Exec& exec, View2<T> patches, View3<const T> x, View1<const float> order,
                        const Canvas& canvas, double scale) {
  using M = Master<T>;
  detail::count_traffic("brainmt::image::patches_fwd", patches, x);
  const std::size_t side = canvas.side(), p = canvas.patch;
  detail::for_each_row(
      exec, "brainmt::image::patches_fwd", patches.extent(0),
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / (side * side), n = row % (side * side);
        const std::size_t first_row = n / side * p, first_column = n % side * p;
        T* out = &patches(row, 0);
        detail::row_for(team, kImageChannels * p * p, [=](std::size_t e) {
          // Wrap to huge numbers above and before the image.
          const std::size_t r = first_row + e / p % p - canvas.top(), t = first_column + e % p - canvas.left();
          M value = -1;
          if (r < canvas.parcels && t < canvas.frames)
            value = t >= canvas.blank_from
                        ? M(0)
                        : static_cast<M>(x(b, static_cast<std::size_t>(order(r)), t)) / static_cast<M>(scale);
          out[e] = static_cast<T>(value);
        });
      });
}

template <class T>
void canvas_patches_bwd(const Exec& exec, View3<T> dx, View2<const T> dpatches, View1<const float> order,
                        const Canvas& canvas, double scale) {
  using M = Master<T>;
  detail::count_traffic("brainmt::image::patches_bwd", dx, dpatches);
  const std::size_t patches = canvas.side() * canvas.side();
  detail::for_each_row(
      exec, "brainmt::image::patches_bwd", dx.extent(0) * canvas.parcels,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / canvas.parcels, r = row % canvas.parcels;
        T* out = &dx(b, static_cast<std::size_t>(order(r)), 0);
        detail::row_for(team, canvas.frames, [=](std::size_t t) {
          M sum = 0;
          const T* of_pixel = &dpatches(b * patches + canvas.patch_of(r, t), canvas.pixel_of(r, t));
          for (std::size_t c = 0; c < kImageChannels; ++c) sum += static_cast<M>(of_pixel[c * canvas.pixels()]);
          out[t] = static_cast<T>(t >= canvas.blank_from ? M(0) : sum / static_cast<M>(scale));
        });
      });
}

template <class M>
void canvas_pixels_fwd(const Exec& exec, View3<M> y, View2<const M> prediction, View1<const float> order,
                       const Canvas& canvas) {
  detail::count_traffic("brainmt::image::pixels_fwd", y, prediction);
  const std::size_t patches = canvas.side() * canvas.side();
  detail::for_each_row(
      exec, "brainmt::image::pixels_fwd", y.extent(0) * canvas.parcels,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / canvas.parcels, r = row % canvas.parcels;
        M* out = &y(b, static_cast<std::size_t>(order(r)), 0);
        detail::row_for(team, canvas.frames, [=](std::size_t t) {
          const M* of_pixel = &prediction(b * patches + canvas.patch_of(r, t), canvas.pixel_of(r, t) * kImageChannels);
          M sum = 0;
          for (std::size_t c = 0; c < kImageChannels; ++c) sum += of_pixel[c];
          out[t] = sum / static_cast<M>(kImageChannels);
        });
      });
}

template <class M>
void canvas_pixels_bwd(const Exec& exec, View2<M> dprediction, View3<const M> dy, View1<const float> order,
                       const Canvas& canvas) {
  detail::count_traffic("brainmt::image::pixels_bwd", dprediction, dy);
  const std::size_t side = canvas.side(), p = canvas.patch;
  detail::for_each_row(
      exec, "brainmt::image::pixels_bwd", dprediction.extent(0),
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / (side * side), n = row % (side * side);
        const std::size_t first_row = n / side * p, first_column = n % side * p;
        M* out = &dprediction(row, 0);
        detail::row_for(team, p * p * kImageChannels, [=](std::size_t e) {
          const std::size_t pixel = e / kImageChannels;
          const std::size_t r = first_row + pixel / p - canvas.top(), t = first_column + pixel % p - canvas.left();
          out[e] = r < canvas.parcels && t < canvas.frames
                       ? dy(b, static_cast<std::size_t>(order(r)), t) / static_cast<M>(kImageChannels)
                       : M(0);
        });
      });
}

void hidden_pixels(const Exec& exec, View3<float> hidden, View2<const float> restore, std::size_t kept,
                   View1<const float> order, const Canvas& canvas) {
  detail::count_traffic("brainmt::image::hidden", hidden);
  detail::for_each_row(
      exec, "brainmt::image::hidden", hidden.extent(0) * canvas.parcels,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / canvas.parcels, r = row % canvas.parcels;
        float* out = &hidden(b, static_cast<std::size_t>(order(r)), 0);
        detail::row_for(team, canvas.frames, [=](std::size_t t) {
          const bool is_hidden = static_cast<std::size_t>(restore(canvas.patch_of(r, t), b)) >= kept;
          out[t] = is_hidden || t >= canvas.blank_from ? 1.0f : 0.0f;
        });
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                                  \
  template void canvas_patches_fwd<T>(const Exec&, View2<T>, View3<const T>, View1<const float>, const Canvas&, \
                                      double);                                                                  \
  template void canvas_patches_bwd<T>(const Exec&, View3<T>, View2<const T>, View1<const float>, const Canvas&, double);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

#define BRAINMT_INSTANTIATE(M)                                                                                  \
  template void canvas_pixels_fwd<M>(const Exec&, View3<M>, View2<const M>, View1<const float>, const Canvas&); \
  template void canvas_pixels_bwd<M>(const Exec&, View2<M>, View3<const M>, View1<const float>, const Canvas&);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
