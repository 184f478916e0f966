#pragma once
// FLOPs and bytes of kernels, for profiles (src/profile/region.hpp). Memory-bound kernels declare bytes only; the
// others have formulas here, the same for host and device variants; recomputation inside a variant is not counted.
#include <span>

#include "kernels/selective_scan.hpp"
#include "kernels/types.hpp"
#include "profile/region.hpp"

namespace brainmt::kernels::detail {

/// Bytes of every element of every view once.
template <class... Views>
double bytes_of(const Views&... views) {
  return (0.0 + ... + (static_cast<double>(views.size()) * sizeof(typename Views::value_type)));
}

/// A kernel that reads or writes every element of `views` once.
template <class... Views>
void count_traffic(const char* label, const Views&... views) {
  profile::count(label, {.bytes = bytes_of(views...)});
}

/// Scans of all directions. For each token, channel and state: decay = exp(delta A) 2, s = decay s + u B 3, y += C s 2;
/// for each token and channel y += D x 2. Reads x, delta_raw, B, C, writes y and the stored states.
template <class T>
profile::Work scan_fwd_work(std::span<const ScanDirection<T>> directions) {
  profile::Work sum;
  for (const ScanDirection<T>& scan : directions) {
    const auto elements = static_cast<double>(scan.x.size()), states = static_cast<double>(scan.b.cols);
    sum += {.flops = elements * (7 * states + 2),
            .bytes = bytes_of(scan.x, scan.delta_raw, scan.b, scan.c, scan.x, scan.states)};
  }
  return sum;
}

/// Their backward pass. For each token, channel and state: decay and s again 5, g = dy C + carry 2, carry = decay g 1,
/// times s 1, and five multiply-adds (dA, ddelta, du, dB, dC) 10; for each token and channel 8 more. Reads x,
/// delta_raw, dy, B, C and the states, writes dx, ddelta_raw, dB, dC.
template <class T>
profile::Work scan_bwd_work(std::span<const ScanDirection<T>> directions) {
  profile::Work sum;
  for (const ScanDirection<T>& scan : directions) {
    const auto elements = static_cast<double>(scan.x.size()), states = static_cast<double>(scan.b.cols);
    sum += {.flops = elements * (19 * states + 8),
            .bytes = 3 * bytes_of(scan.x) + 2 * bytes_of(scan.delta_raw, scan.b, scan.c) + bytes_of(scan.states)};
  }
  return sum;
}

/// K taps: 2 K for the sum, 1 for the bias, 4 for SiLU (exp, add, divide, multiply). Reads x, writes y.
template <class T>
profile::Work conv1d_fwd_work(const MatrixView<T>& x, std::size_t taps) {
  return {.flops = static_cast<double>(x.size()) * (2 * static_cast<double>(taps) + 5), .bytes = 2 * bytes_of(x)};
}

/// The sum again, dx and dw: 6 K; bias, SiLU's slope times dy, dbias: 10. Reads x and dy, writes dx.
template <class T>
profile::Work conv1d_bwd_work(const MatrixView<T>& x, std::size_t taps, bool accumulate) {
  return {.flops = static_cast<double>(x.size()) * (6 * static_cast<double>(taps) + 10),
          .bytes = (accumulate ? 4 : 3) * bytes_of(x)};
}

}  // namespace brainmt::kernels::detail
