#pragma once
// Philox4x32-10 (Salmon et al., SC'11): a counter-based generator. A draw is a pure function of (key, counter), so
// data order, windows, DropPath and initialisation never depend on rank count, thread timing or recomputation.
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace brainmt {

class Philox {
 public:
  /// `seed` selects the run, `stream` the purpose (window, drop path, ...), `index` the item (subject, layer, ...).
  Philox(std::uint64_t seed, std::uint32_t stream, std::uint64_t index = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, stream, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32)} {}

  std::uint32_t next_u32() {
    if (used_ == 4) {
      block_ = generate(key_, counter_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }
  std::uint64_t next_u64() {
    const std::uint64_t low = next_u32();
    return low | (std::uint64_t{next_u32()} << 32);
  }
  /// Uniform in [0, 1) with 53 bits.
  double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform integer in [0, n), n > 0, with negligible bias (64-bit multiply-shift).
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next_u64()) * n) >> 64);
  }
  /// Standard normal (Box-Muller, the cosine branch only: one call, one value, no hidden state).
  double normal() {
    const double u = 1.0 - uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
  }

  static std::array<std::uint32_t, 4> generate(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 4> c) {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0], p1 = std::uint64_t{0xCD9E8D57} * c[2];
      c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
           static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
    return c;
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace brainmt
