#pragma once
// Initial values of parameters.
#include <cstdint>
#include <string>

#include "nn/parameter.hpp"

namespace brainmt::nn::init {

Initialiser constant(float value);
Initialiser normal(double std);
/// Normal draws, redrawn outside two standard deviations.
Initialiser truncated_normal(double std);
/// He et al. 2015: normal with variance 2 / fan_in.
Initialiser he_normal(std::int64_t fan_in);
/// PyTorch's kaiming_uniform with a = sqrt 5: uniform +-1/sqrt(fan_in); times `scale`.
Initialiser kaiming_uniform(std::int64_t fan_in, double scale = 1.0);
Initialiser uniform(double bound);
/// Glorot & Bengio 2010: uniform +-sqrt(6 / (fan_in + fan_out)).
Initialiser xavier_uniform(std::int64_t fan_in, std::int64_t fan_out);
/// A_log[e, n] = log(n + 1) (S4D-real).
Initialiser a_log(std::int64_t state);
/// Inverse softplus of a log-uniform draw in [1e-3, 1e-1], so that the first step sizes lie there.
Initialiser dt_bias();

}  // namespace brainmt::nn::init
