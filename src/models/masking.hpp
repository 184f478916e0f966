#pragma once
// Which tokens a masked autoencoder hides. Noise is uniform in [0, 1); tokens in ascending order of it, ties by their
// index, the first int(N (1 - ratio)) of which are kept, in that order.
#include <cstdint>
#include <span>
#include <vector>

#include "models/model.hpp"

namespace brainmt::models {

/// int(N (1 - ratio)), in double.
std::int64_t kept_tokens(std::int64_t tokens, double ratio);

/// The order of each sample's tokens, from noise [B, N].
using TokenOrders = std::vector<std::vector<std::int64_t>>;
TokenOrders orders_of(std::span<const float> noise, std::int64_t tokens);
/// From draws that depend on (seed, step, sample) in training, else on (seed, sample).
TokenOrders orders_of(const Pass& pass, std::int64_t tokens);

/// Rows [2 N, B] for Pass::draws: order, then restore (kernels/masking.hpp).
std::vector<float> mask_rows(const TokenOrders& orders);
/// Rows [2, B]: the keys of kernels/dropout.hpp.
std::vector<float> dropout_keys(const Pass& pass);

/// What is in Pass::draws, made of mask_rows() and dropout_keys(), where the pass has such rows.
struct MaskDraws {
  Tensor order, restore;  // [N, B]; undefined: nothing is hidden
  Tensor keys;            // [2, B]; undefined: no dropout

  /// `masked`: the draws begin with masks.
  MaskDraws(const Tensor& draws, std::int64_t tokens, bool masked);
};

}  // namespace brainmt::models
