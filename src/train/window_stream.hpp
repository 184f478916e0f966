#pragma once
// Windows of a cohort as model input: read ahead in request order, handed out in batches.
#include <cstdint>
#include <utility>

#include "io/window_loader.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::train {

class WindowStream {
 public:
  /// `source` gives this rank's requests in the order in which take() will want them, each of `frames` frames. It runs
  /// on the loader's thread. `prefetch` windows are kept ready (at least one).
  WindowStream(const io::Cohort& cohort, io::WindowLoader::Source source, std::int64_t frames, std::int64_t prefetch,
               DType activation);

  /// The next `count` windows as [count, T, Y, X, Z]. Throws DataError when reading failed.
  Tensor take(std::int64_t count);

  /// As WindowLoader's.
  double loader_cpu_seconds() const { return loader_.cpu_seconds(); }

 private:
  io::WindowLoader loader_;
  Shape window_;  // [T, Y, X, Z]
  DType activation_;
};

}  // namespace brainmt::train
