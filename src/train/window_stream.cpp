#include "train/window_stream.hpp"

#include <algorithm>
#include <optional>

#include "profile/region.hpp"

namespace brainmt::train {

WindowStream::WindowStream(const io::Cohort& cohort, io::WindowLoader::Source source, std::int64_t frames,
                           std::int64_t prefetch, DType activation)
    : loader_(cohort, std::move(source), static_cast<std::size_t>(std::max<std::int64_t>(prefetch, 1))),
      window_{frames, cohort.layout().grid.y, cohort.layout().grid.x, cohort.layout().grid.z},
      activation_(activation) {}

Tensor WindowStream::take(std::int64_t count) {
  const profile::Region region("brainmt::input");
  Shape shape{count};
  for (const std::int64_t extent : window_) shape.push_back(extent);
  const Tensor batch(shape, activation_);
  for (std::int64_t i = 0; i < count; ++i) {
    std::optional<io::Window> window = loader_.next();
    BRAINMT_CHECK(window.has_value(), "the source of windows ended early");
    batch.slice(i, i + 1).copy_from(Tensor::from_host(window->values, window_, DType::kF32));
    loader_.recycle(std::move(*window));
  }
  return batch;
}

}  // namespace brainmt::train
