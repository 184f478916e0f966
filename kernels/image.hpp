#pragma once
// Parcel series as an image of three equal channels (BrainLM's image variant): rows are parcels in a given order,
// columns frames, centred on a square canvas that is -1 elsewhere, and cut into patches of p x p pixels.
#include "kernels/types.hpp"

namespace brainmt::kernels {

inline constexpr std::size_t kImageChannels = 3;

struct Canvas {
  std::size_t parcels, frames, extent, patch;  // V, T, pixels an edge of the canvas, pixels an edge of a patch
  std::size_t blank_from;                      // image columns from here on are shown as 0; `frames`: none

  KOKKOS_INLINE_FUNCTION std::size_t side() const { return extent / patch; }         // patches an edge
  KOKKOS_INLINE_FUNCTION std::size_t top() const { return (extent - parcels) / 2; }  // rows above the image
  KOKKOS_INLINE_FUNCTION std::size_t left() const { return (extent - frames) / 2; }  // columns before it
  KOKKOS_INLINE_FUNCTION std::size_t pixels() const { return patch * patch; }
  /// The patch of the pixel of image row r and frame t, and the pixel within it.
  KOKKOS_INLINE_FUNCTION std::size_t patch_of(std::size_t r, std::size_t t) const {
    return (r + top()) / patch * side() + (t + left()) / patch;
  }
  KOKKOS_INLINE_FUNCTION std::size_t pixel_of(std::size_t r, std::size_t t) const {
    return (r + top()) % patch * patch + (t + left()) % patch;
  }
};

/// patches[b * N + n, c * p p + i * p + j] = the canvas at that pixel, for each channel c; the image is x / scale.
/// x: [B, V, T]; order: [V], the parcel of each row, in float.
template <class T>
void canvas_patches_fwd(const Exec& exec, View2<T> patches, View3<const T> x, View1<const float> order,
                        const Canvas& canvas, double scale);
/// dx is assigned.
template <class T>
void canvas_patches_bwd(const Exec& exec, View3<T> dx, View2<const T> dpatches, View1<const float> order,
                        const Canvas& canvas, double scale);

/// y[b, v, t] = mean over channels of the prediction of its pixel. prediction: [B * N, p p * 3], the channel fastest.
template <class M>
void canvas_pixels_fwd(const Exec& exec, View3<M> y, View2<const M> prediction, View1<const float> order,
                       const Canvas& canvas);
/// dprediction is assigned, 0 outside of the image.
template <class M>
void canvas_pixels_bwd(const Exec& exec, View2<M> dprediction, View3<const M> dy, View1<const float> order,
                       const Canvas& canvas);

/// hidden[b, v, t] = 1 where the patch of the pixel is not among the first `kept` (restore [N, B], kernels/masking.hpp)
/// or the frame is shown as 0; else 0.
void hidden_pixels(const Exec& exec, View3<float> hidden, View2<const float> restore, std::size_t kept,
                   View1<const float> order, const Canvas& canvas);

}  // namespace brainmt::kernels
