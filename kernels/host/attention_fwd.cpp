// Forward pass of kernels/attention.hpp. A tile of queries walks over the tiles of keys and keeps, for each query, the
// largest logit so far m, the sum l of exp(S - m), and the unnormalised output; when m grows, l and the output shrink
// by exp(m_old - m_new).
#include <algorithm>
#include <limits>

#include "kernels/detail/attention_tiles.hpp"

namespace brainmt::kernels {
namespace {

constexpr std::int64_t kQueries = 128, kKeys = 512;  // a tile of logits is 256 KiB: half a core's second-level cache

float row_max(const float* x, std::size_t count) {
  float lanes[detail::kSumLanes];
  std::fill_n(lanes, detail::kSumLanes, -std::numeric_limits<float>::infinity());
  const std::size_t whole = count - count % detail::kSumLanes;
  for (std::size_t i = 0; i < whole; i += detail::kSumLanes)
    for (std::size_t lane = 0; lane < detail::kSumLanes; ++lane)
      lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
  for (std::size_t i = whole; i < count; ++i) lanes[0] = std::max(lanes[0], x[i]);
  return *std::max_element(lanes, lanes + detail::kSumLanes);
}

class ForwardTile {
 public:
  ForwardTile(const AttentionShape& shape, const SmallGemm& gemm)
      : shape_(shape),
        gemm_(gemm),
        queries_(std::min(kQueries, shape.queries)),
        keys_(std::min(kKeys, shape.keys)),
        q_(queries_, shape.dim),
        k_(keys_, shape.dim),
        v_(keys_, shape.dim),
        logits_(queries_ * keys_),
        output_(queries_ * shape.dim),
        largest_(queries_),
        total_(queries_) {}

  std::int64_t queries() const { return queries_; }

  /// Queries [first, first + count) of one head.
  template <class T>
  void run(MatrixView<T> o, float* lse, MatrixView<const T> q, MatrixView<const T> k, MatrixView<const T> v,
           std::int64_t first, std::int64_t count) {
    const std::int64_t dim = shape_.dim;
    const auto query = q_.read(q, first, count, dim);
    std::fill(largest_.begin(), largest_.end(), -std::numeric_limits<float>::infinity());
    std::fill(total_.begin(), total_.end(), 0.0f);
    std::fill(output_.begin(), output_.end(), 0.0f);
    for (std::int64_t j = 0; j < shape_.keys; j += keys_) {
      const std::int64_t n = std::min(keys_, shape_.keys - j);
      const auto key = k_.read(k, j, n, dim), value = v_.read(v, j, n, dim);
      gemm_(false, true, count, n, dim, shape_.scale<float>(), query.data, query.ld, key.data, key.ld, 0.0f,
            logits_.data(), n);
      for (std::int64_t i = 0; i < count; ++i) to_weights(i, n);
      gemm_(false, false, count, dim, n, 1.0f, logits_.data(), n, value.data, value.ld, 1.0f, output_.data(), dim);
    }
    detail::store_rows(o, first, output_.data(), count, dim, [&](std::int64_t i) { return 1.0f / total_[i]; });
    for (std::int64_t i = 0; i < count; ++i) lse[first + i] = largest_[i] + std::log(total_[i]);
  }

 private:
  // Row i of n logits becomes exp(S - m); m, l and the output are brought up to date.
  void to_weights(std::int64_t i, std::int64_t n) {
    float* row = logits_.data() + i * n;
    const float largest = std::max(largest_[i], row_max(row, n));
    const float shrink = std::exp(largest_[i] - largest);
    const float added = detail::row_sum<float>(detail::HostRow(), n,
                                               [=](std::int64_t j) { return row[j] = detail::vexp(row[j] - largest); });
    total_[i] = total_[i] * shrink + added;
    largest_[i] = largest;
    if (shrink == 1.0f) return;
    float* output = output_.data() + i * shape_.dim;
    detail::row_for(detail::HostRow(), shape_.dim, [=](std::int64_t c) { output[c] *= shrink; });
  }

  const AttentionShape shape_;
  const SmallGemm& gemm_;
  const std::int64_t queries_, keys_;
  detail::InputTile q_, k_, v_;
  std::vector<float> logits_, output_, largest_, total_;
};

}  // namespace

template <class T>
void attention_fwd([[maybe_unused]] const Exec& exec, MatrixView<T> o, View3<Master<T>> lse, MatrixView<const T> q,
                   MatrixView<const T> k, MatrixView<const T> v, std::size_t batch, std::size_t heads,
                   const SmallGemm& gemm) {
  const auto shape = detail::attention_shape<const T>(q, k, batch, heads);
  exec.fence();  // plain host code from here on
  if constexpr (std::is_same_v<T, double>) {
    ref::attention_fwd(o, lse.data(), q, k, v, shape);
  } else {
    ForwardTile tile(shape, gemm);
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < shape.queries; i += tile.queries())
          tile.run(detail::head_of(o, b * shape.queries, h, shape.dim), &lse(b, h, 0),
                   detail::head_of(q, b * shape.queries, h, shape.dim),
                   detail::head_of(k, b * shape.keys, h, shape.dim), detail::head_of(v, b * shape.keys, h, shape.dim),
                   i, std::min(tile.queries(), shape.queries - i));
  }
}

#define BRAINMT_INSTANTIATE(T)                                                                       \
  template void attention_fwd<T>(const Exec&, MatrixView<T>, View3<Master<T>>, MatrixView<const T>,  \
                                 MatrixView<const T>, MatrixView<const T>, std::size_t, std::size_t, \
                                 const SmallGemm&);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
