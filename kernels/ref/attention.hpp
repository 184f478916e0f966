#pragma once
// Softmax attention by plain loops, one query at a time; the equations are in kernels/attention.hpp (Vaswani et al.
// 2017, eq. 1, with the log-sum-exp kept for backward). Gradient contract: dq, dk and dv are assigned.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/matrix_view.hpp"
#include "base/shapes.hpp"

namespace brainmt::kernels::ref {

namespace detail {

template <class S>
S dot(const S* a, const S* b, std::int64_t count) {
  S sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

template <class S>
void add_scaled_row(S* y, S factor, const S* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

// Calls f(row of the query, row of its first key, first column of its head, index in lse) for every query and head.
template <class F>
void for_each_query(const AttentionShape& s, F&& f) {
  for (std::int64_t b = 0; b < s.batch; ++b)
    for (std::int64_t h = 0; h < s.heads; ++h)
      for (std::int64_t i = 0; i < s.queries; ++i)
        f(b * s.queries + i, b * s.keys, h * s.dim, (b * s.heads + h) * s.queries + i);
}

}  // namespace detail

template <class S>
void attention_fwd(MatrixView<S> o, S* lse, MatrixView<const S> q, MatrixView<const S> k, MatrixView<const S> v,
                   const AttentionShape& s) {
  std::vector<S> logits(s.keys);
  detail::for_each_query(
      s, [&](std::int64_t query, std::int64_t first_key, std::int64_t column, std::int64_t statistic) {
        for (std::int64_t j = 0; j < s.keys; ++j)
          logits[j] = s.scale<S>() * detail::dot(q.row(query, column), k.row(first_key + j, column), s.dim);
        const S largest = *std::max_element(logits.begin(), logits.end());
        S total = 0;
        for (S logit : logits) total += std::exp(logit - largest);
        lse[statistic] = largest + std::log(total);
        S* out = o.row(query, column);
        std::fill_n(out, s.dim, S(0));
        for (std::int64_t j = 0; j < s.keys; ++j)
          detail::add_scaled_row(out, std::exp(logits[j] - lse[statistic]), v.row(first_key + j, column), s.dim);
      });
}

template <class S>
void attention_bwd(MatrixView<S> dq, MatrixView<S> dk, MatrixView<S> dv, MatrixView<const S> dout,
                   MatrixView<const S> o, const S* lse, MatrixView<const S> q, MatrixView<const S> k,
                   MatrixView<const S> v, const AttentionShape& s) {
  const std::int64_t width = s.heads * s.dim;
  for (std::int64_t i = 0; i < s.batch * s.queries; ++i) std::fill_n(dq.row(i), width, S(0));
  for (std::int64_t j = 0; j < s.batch * s.keys; ++j) {
    std::fill_n(dk.row(j), width, S(0));
    std::fill_n(dv.row(j), width, S(0));
  }
  detail::for_each_query(
      s, [&](std::int64_t query, std::int64_t first_key, std::int64_t column, std::int64_t statistic) {
        const S *qi = q.row(query, column), *gradient = dout.row(query, column);
        const S r = detail::dot(gradient, o.row(query, column), s.dim);
        for (std::int64_t j = first_key; j < first_key + s.keys; ++j) {
          const S p = std::exp(s.scale<S>() * detail::dot(qi, k.row(j, column), s.dim) - lse[statistic]);
          const S ds = p * (detail::dot(gradient, v.row(j, column), s.dim) - r);
          detail::add_scaled_row(dv.row(j, column), p, gradient, s.dim);
          detail::add_scaled_row(dq.row(query, column), s.scale<S>() * ds, k.row(j, column), s.dim);
          detail::add_scaled_row(dk.row(j, column), s.scale<S>() * ds, qi, s.dim);
        }
      });
}

}  // namespace brainmt::kernels::ref
