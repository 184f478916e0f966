#include "models/masking.hpp"

#include <algorithm>
#include <numeric>

#include "base/philox.hpp"

namespace brainmt::models {
namespace {

constexpr std::uint32_t kTrainingStream = 0x300, kFixedStream = 0x301, kDropoutStream = 0x302;

Philox generator(const Pass& pass, std::uint32_t stream, std::int64_t sample) {
  const std::uint64_t step = pass.training ? static_cast<std::uint64_t>(pass.step) << 32 : 0;
  return {pass.seed, stream, step ^ static_cast<std::uint64_t>(sample)};
}

}  // namespace

std::int64_t kept_tokens(std::int64_t tokens, double ratio) {
  return static_cast<std::int64_t>(static_cast<double>(tokens) * (1.0 - ratio));
}

TokenOrders orders_of(std::span<const float> noise, std::int64_t tokens) {
  const auto count = static_cast<std::size_t>(tokens);
  TokenOrders orders;
  for (std::size_t first = 0; first < noise.size(); first += count) {
    std::vector<std::int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {},
                             [&](std::int64_t token) { return noise[first + static_cast<std::size_t>(token)]; });
    orders.push_back(std::move(order));
  }
  return orders;
}

TokenOrders orders_of(const Pass& pass, std::int64_t tokens) {
  std::vector<float> noise;
  for (const std::int64_t sample : pass.samples) {
    Philox random = generator(pass, pass.training ? kTrainingStream : kFixedStream, sample);
    for (std::int64_t i = 0; i < tokens; ++i) noise.push_back(static_cast<float>(random.next_u32() >> 8) * 0x1p-24f);
  }
  return orders_of(noise, tokens);
}

std::vector<float> mask_rows(const TokenOrders& orders) {
  const std::size_t batch = orders.size(), tokens = batch == 0 ? 0 : orders.front().size();
  std::vector<float> rows(2 * tokens * batch);
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t i = 0; i < tokens; ++i) {
      const auto token = static_cast<std::size_t>(orders[b][i]);
      rows[i * batch + b] = static_cast<float>(token);
      rows[(tokens + token) * batch + b] = static_cast<float>(i);
    }
  return rows;
}

std::vector<float> dropout_keys(const Pass& pass) {
  const std::size_t batch = pass.samples.size();
  std::vector<float> rows(2 * batch);
  for (std::size_t b = 0; b < batch; ++b) {
    Philox random = generator(pass, kDropoutStream, pass.samples[b]);
    for (const std::size_t row : {std::size_t{0}, std::size_t{1}})
      rows[row * batch + b] = static_cast<float>(random.next_u32() >> 8);
  }
  return rows;
}

MaskDraws::MaskDraws(const Tensor& draws, std::int64_t tokens, bool masked) {
  if (!draws) return;
  const std::int64_t masks = masked ? 2 * tokens : 0, rows = draws.shape()[0];
  BRAINMT_CHECK(rows == masks || rows == masks + 2, "{} rows of draws for {} tokens", rows, tokens);
  if (masked) {
    order = draws.slice(0, tokens);
    restore = draws.slice(tokens, 2 * tokens);
  }
  if (rows > masks) keys = draws.slice(masks, rows);
}

}  // namespace brainmt::models
