#pragma once
// Series of a cohort of parcels as windows for a model: read scan by scan, brought to scale, parcel-major.
#include <span>

#include "io/window_loader.hpp"
#include "models/series_normalization.hpp"

namespace brainmt::task {

/// Brings a whole scan to scale in place. series: [F, P]; NaN (not covered) becomes 0. Null: only that.
void normalise(std::span<float> series, std::size_t parcels, const models::SeriesNormalization* normalization);

/// Fits `kind` on these scans. kRobust: median and quartiles (linear interpolation, without exact zeros) over the first
/// 200 frames of every scan, after its means are taken; kGlobalStd: root mean square of all values after that. Reads
/// the scans as often as memory of 256 MiB wants it. Throws DataError where nothing varies.
models::SharedNormalization fit_normalization(const io::Cohort& cohort, std::span<const std::size_t> scans,
                                              models::SeriesNormalization::Kind kind);

/// Makes windows [P, T] of requests. `cohort` outlives it.
io::WindowLoader::Make series_windows(const io::Cohort& cohort, models::SharedNormalization normalization);

}  // namespace brainmt::task
