#pragma once
// Normalisation over the last axis by plain loops. All matrices are [rows, cols], contiguous.
//
// LayerNorm (Ba et al. 2016)
//   rstd = 1 / sqrt(mean((x - mean)^2) + eps),  xhat = (x - mean) rstd,  y = xhat w + bias
// RMSNorm (Zhang & Sennrich 2019)
//   rstd = 1 / sqrt(mean(x^2) + eps),           xhat = x rstd,           y = xhat w
// Backward, with g = dy w
//   dx = rstd (g - mean(g) - xhat mean(g xhat))                          RMSNorm: without mean(g)
//   dw = sum over rows of dy xhat,   dbias = sum over rows of dy
//
// Gradient contract: dw and dbias are added to; dx is assigned, or added to when `accumulate`.
#include <cmath>
#include <cstddef>

namespace brainmt::kernels::ref {

/// out[i,:] = residual[i,:] + scale[i / rows_per_sample] * hidden[i,:]; a null `scale` means 1.
template <class S>
void add_scaled(S* out, const S* residual, const S* hidden, const float* scale, std::size_t rows, std::size_t cols,
                std::size_t rows_per_sample) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c)
      out[r * cols + c] =
          residual[r * cols + c] + (scale ? S(scale[r / rows_per_sample]) : S(1)) * hidden[r * cols + c];
}

template <class S>
void add_scaled_bwd(S* dhidden, const S* dout, const float* scale, std::size_t rows, std::size_t cols,
                    std::size_t rows_per_sample) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c)
      dhidden[r * cols + c] = (scale ? S(scale[r / rows_per_sample]) : S(1)) * dout[r * cols + c];
}

template <class S>
void layer_norm_fwd(S* y, S* mean, S* rstd, const S* x, const S* w, const S* bias, std::size_t rows, std::size_t cols,
                    S eps) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, y += cols) {
    S sum = 0, squares = 0;
    for (std::size_t c = 0; c < cols; ++c) sum += x[c];
    mean[r] = sum / S(cols);
    for (std::size_t c = 0; c < cols; ++c) squares += (x[c] - mean[r]) * (x[c] - mean[r]);
    rstd[r] = S(1) / std::sqrt(squares / S(cols) + eps);
    for (std::size_t c = 0; c < cols; ++c) y[c] = (x[c] - mean[r]) * rstd[r] * w[c] + bias[c];
  }
}

template <class S>
void layer_norm_bwd(S* dx, S* dw, S* dbias, const S* dy, const S* x, const S* mean, const S* rstd, const S* w,
                    std::size_t rows, std::size_t cols, bool accumulate) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, dx += cols, dy += cols) {
    S sum_g = 0, sum_g_xhat = 0;
    for (std::size_t c = 0; c < cols; ++c) {
      const S xhat = (x[c] - mean[r]) * rstd[r];
      sum_g += dy[c] * w[c];
      sum_g_xhat += dy[c] * w[c] * xhat;
      dw[c] += dy[c] * xhat;
      dbias[c] += dy[c];
    }
    for (std::size_t c = 0; c < cols; ++c) {
      const S xhat = (x[c] - mean[r]) * rstd[r];
      const S gradient = rstd[r] * (dy[c] * w[c] - sum_g / S(cols) - xhat * sum_g_xhat / S(cols));
      dx[c] = gradient + (accumulate ? dx[c] : S(0));
    }
  }
}

template <class S>
void rms_norm_fwd(S* y, S* rstd, const S* x, const S* w, std::size_t rows, std::size_t cols, S eps) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, y += cols) {
    S squares = 0;
    for (std::size_t c = 0; c < cols; ++c) squares += x[c] * x[c];
    rstd[r] = S(1) / std::sqrt(squares / S(cols) + eps);
    for (std::size_t c = 0; c < cols; ++c) y[c] = x[c] * rstd[r] * w[c];
  }
}

template <class S>
void rms_norm_bwd(S* dx, S* dw, const S* dy, const S* x, const S* rstd, const S* w, std::size_t rows, std::size_t cols,
                  bool accumulate) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, dx += cols, dy += cols) {
    S sum_g_xhat = 0;
    for (std::size_t c = 0; c < cols; ++c) {
      const S xhat = x[c] * rstd[r];
      sum_g_xhat += dy[c] * w[c] * xhat;
      dw[c] += dy[c] * xhat;
    }
    for (std::size_t c = 0; c < cols; ++c) {
      const S gradient = rstd[r] * (dy[c] * w[c] - x[c] * rstd[r] * sum_g_xhat / S(cols));
      dx[c] = gradient + (accumulate ? dx[c] : S(0));
    }
  }
}

}  // namespace brainmt::kernels::ref
