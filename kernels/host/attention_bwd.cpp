// Backward pass of kernels/attention.hpp. A tile of keys walks over the tiles of queries: dK and dV of the tile are
// complete at the end of the walk, dQ of the whole head gathers in float. Tiles are visited in a fixed order.
#include <algorithm>

#include "kernels/detail/attention_tiles.hpp"

namespace brainmt::kernels {
namespace {

constexpr std::int64_t kQueries = 128, kKeys = 256;  // P and dP together: 256 KiB

// One head of one sample.
template <class T>
struct Head {
  MatrixView<T> dq, dk, dv;
  MatrixView<const T> dout, o, q, k, v;
  const float* lse;
};

class BackwardTile {
 public:
  BackwardTile(const AttentionShape& shape, const SmallGemm& gemm)
      : shape_(shape),
        gemm_(gemm),
        queries_(std::min(kQueries, shape.queries)),
        keys_(std::min(kKeys, shape.keys)),
        q_(queries_, shape.dim),
        dout_(queries_, shape.dim),
        k_(keys_, shape.dim),
        v_(keys_, shape.dim),
        p_(queries_ * keys_),
        ds_(queries_ * keys_),
        dk_(keys_ * shape.dim),
        dv_(keys_ * shape.dim),
        dq_(shape.queries * shape.dim),
        r_(shape.queries) {}

  template <class T>
  void run(const Head<T>& head) {
    const std::int64_t dim = shape_.dim;
    for (std::int64_t i = 0; i < shape_.queries; ++i) {
      const T *gradient = head.dout.row(i), *out = head.o.row(i);
      r_[i] = detail::row_sum<float>(detail::HostRow(), dim, [=](std::int64_t c) { return gradient[c] * out[c]; });
    }
    std::fill(dq_.begin(), dq_.end(), 0.0f);
    const auto unscaled = [](std::int64_t) { return 1.0f; };
    for (std::int64_t j = 0; j < shape_.keys; j += keys_) {
      const std::int64_t n = std::min(keys_, shape_.keys - j);
      const auto key = k_.read(head.k, j, n, dim), value = v_.read(head.v, j, n, dim);
      std::fill(dk_.begin(), dk_.end(), 0.0f);
      std::fill(dv_.begin(), dv_.end(), 0.0f);
      for (std::int64_t i = 0; i < shape_.queries; i += queries_)
        add_tile(head, key, value, n, i, std::min(queries_, shape_.queries - i));
      detail::store_rows(head.dk, j, dk_.data(), n, dim, unscaled);
      detail::store_rows(head.dv, j, dv_.data(), n, dim, unscaled);
    }
    detail::store_rows(head.dq, 0, dq_.data(), shape_.queries, dim, unscaled);
  }

 private:
  // Queries [first, first + m) against n keys.
  template <class T>
  void add_tile(const Head<T>& head, MatrixView<const float> key, MatrixView<const float> value, std::int64_t n,
                std::int64_t first, std::int64_t m) {
    const std::int64_t dim = shape_.dim;
    const float scale = shape_.scale<float>();
    const auto query = q_.read(head.q, first, m, dim), dout = dout_.read(head.dout, first, m, dim);
    gemm_(false, true, m, n, dim, scale, query.data, query.ld, key.data, key.ld, 0.0f, p_.data(), n);
    gemm_(false, true, m, n, dim, 1.0f, dout.data, dout.ld, value.data, value.ld, 0.0f, ds_.data(), n);
    for (std::int64_t i = 0; i < m; ++i) {
      float *p = p_.data() + i * n, *ds = ds_.data() + i * n;
      const float lse = head.lse[first + i], r = r_[first + i];
      detail::row_for(detail::HostRow(), n, [=](std::int64_t j) {
        p[j] = detail::vexp(p[j] - lse);
        ds[j] = p[j] * (ds[j] - r);
      });
    }
    gemm_(true, false, n, dim, m, 1.0f, p_.data(), n, dout.data, dout.ld, 1.0f, dv_.data(), dim);
    gemm_(true, false, n, dim, m, scale, ds_.data(), n, query.data, query.ld, 1.0f, dk_.data(), dim);
    gemm_(false, false, m, dim, n, scale, ds_.data(), n, key.data, key.ld, 1.0f, dq_.data() + first * dim, dim);
  }

  const AttentionShape shape_;
  const SmallGemm& gemm_;
  const std::int64_t queries_, keys_;
  detail::InputTile q_, dout_, k_, v_;
  std::vector<float> p_, ds_, dk_, dv_, dq_, r_;
};

}  // namespace

template <class T>
void attention_bwd([[maybe_unused]] const Exec& exec, MatrixView<T> dq, MatrixView<T> dk, MatrixView<T> dv,
                   MatrixView<const T> dout, MatrixView<const T> o, View3<const Master<T>> lse, MatrixView<const T> q,
                   MatrixView<const T> k, MatrixView<const T> v, std::size_t batch, std::size_t heads,
                   const SmallGemm& gemm) {
  const auto shape = detail::attention_shape<const T>(q, k, batch, heads);
  exec.fence();  // plain host code from here on
  if constexpr (std::is_same_v<T, double>) {
    ref::attention_bwd(dq, dk, dv, dout, o, lse.data(), q, k, v, shape);
  } else {
    BackwardTile tile(shape, gemm);
    const std::size_t dim = shape.dim;
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t query = b * shape.queries, key = b * shape.keys;
        tile.run(Head<T>{detail::head_of(dq, query, h, dim), detail::head_of(dk, key, h, dim),
                         detail::head_of(dv, key, h, dim), detail::head_of(dout, query, h, dim),
                         detail::head_of(o, query, h, dim), detail::head_of(q, query, h, dim),
                         detail::head_of(k, key, h, dim), detail::head_of(v, key, h, dim), &lse(b, h, 0)});
      }
  }
}

#define BRAINMT_INSTANTIATE(T)                                                                                  \
  template void attention_bwd<T>(const Exec&, MatrixView<T>, MatrixView<T>, MatrixView<T>, MatrixView<const T>, \
                                 MatrixView<const T>, View3<const Master<T>>, MatrixView<const T>,              \
                                 MatrixView<const T>, MatrixView<const T>, std::size_t, std::size_t,            \
                                 const SmallGemm&);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
