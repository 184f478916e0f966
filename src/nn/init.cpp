#include "nn/init.hpp"

#include <algorithm>
#include <cmath>

namespace brainmt::nn::init {

Initialiser constant(float value) {
  return [value](Philox&, std::span<float> out) { std::fill(out.begin(), out.end(), value); };
}

Initialiser normal(double std) {
  return [std](Philox& random, std::span<float> out) {
    for (float& v : out) v = static_cast<float>(std * random.normal());
  };
}

Initialiser truncated_normal(double std) {
  return [std](Philox& random, std::span<float> out) {
    for (float& v : out) {
      double draw = random.normal();
      while (std::abs(draw) > 2.0) draw = random.normal();
      v = static_cast<float>(std * draw);
    }
  };
}

Initialiser he_normal(std::int64_t fan_in) { return normal(std::sqrt(2.0 / static_cast<double>(fan_in))); }

Initialiser uniform(double bound) {
  return [bound](Philox& random, std::span<float> out) {
    for (float& v : out) v = static_cast<float>(random.uniform(-bound, bound));
  };
}

Initialiser xavier_uniform(std::int64_t fan_in, std::int64_t fan_out) {
  return uniform(std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
}

Initialiser kaiming_uniform(std::int64_t fan_in, double scale) {
  return uniform(scale / std::sqrt(static_cast<double>(fan_in)));
}

Initialiser a_log(std::int64_t state) {
  return [state](Philox&, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<float>(std::log(static_cast<double>(i % static_cast<std::size_t>(state)) + 1.0));
  };
}

Initialiser dt_bias() {
  return [](Philox& random, std::span<float> out) {
    for (float& v : out) {
      const double dt = std::exp(random.uniform(std::log(1e-3), std::log(1e-1)));
      v = static_cast<float>(dt + std::log(-std::expm1(-dt)));
    }
  };
}

}  // namespace brainmt::nn::init
