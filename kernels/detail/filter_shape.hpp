#pragma once
// Checked sizes and counted work of a filter along tokens, for the host's and the device's kernels.
#include "kernels/detail/work.hpp"
#include "kernels/ref/token_filter.hpp"
#include "kernels/token_filter.hpp"

namespace brainmt::kernels::detail {

template <class T, class W>
FilterShape filter_shape(const MatrixView<T>& x, const View2<W>& w, std::size_t batch) {
  const FilterShape s{batch, batch == 0 ? 0 : x.rows / batch, x.cols, w.extent(0), w.extent(1)};
  BRAINMT_CHECK(s.taps % 2 == 1 && s.taps <= kMaxFilterTaps && s.heads > 0 && s.channels % s.heads == 0,
                "filter of {} taps, {} heads, {} channels", s.taps, s.heads, s.channels);
  return s;
}

/// A multiplication and an addition for each tap; `arrays` as large as x go through memory.
template <class T>
profile::Work filter_work(const MatrixView<T>& x, const FilterShape& s, double arrays) {
  return {.flops = 2 * static_cast<double>(x.size()) * static_cast<double>(s.taps), .bytes = arrays * bytes_of(x)};
}

}  // namespace brainmt::kernels::detail
