#include "prepare/normalizer.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "io/float16.hpp"

namespace brainmt::prepare {

Normalizer::Normalizer(Normalize mode, std::optional<double> fill, const ScanValues& values)
    : mean_(values.mean), std_(values.std) {
  switch (mode) {
    case Normalize::kZscore:
      offset_ = values.mean;
      scale_ = values.std;
      fill_ = io::float_to_half(static_cast<float>((values.smallest - offset_) / scale_));
      break;
    case Normalize::kMinmax:
      offset_ = values.smallest;
      scale_ = values.largest - values.smallest;
      break;
    case Normalize::kNone:
      if (std::max(std::abs(values.smallest), std::abs(values.largest)) > io::kHalfMax) {
        throw DataError(fmt::format("values from {} to {} do not fit in float16 (largest {}); use normalize=zscore",
                                    values.smallest, values.largest, io::kHalfMax));
      }
      break;
  }
  if (fill) fill_ = io::float_to_half(static_cast<float>(*fill));
}

void Normalizer::operator()(std::span<const float> values, std::span<std::uint16_t> out) {
  normalised_.resize(values.size());
  const float fill = io::half_to_float(fill_);
  for (std::size_t k = 0; k < values.size(); ++k) {
    const float x = values[k];
    const float y = static_cast<float>((static_cast<double>(x) - offset_) / scale_);
    normalised_[k] = x != 0 ? y : fill;
  }
  io::floats_to_halfs(normalised_, out);
}

}  // namespace brainmt::prepare
