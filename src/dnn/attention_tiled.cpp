// One head of one sample after the other, kTileElements logits at a time:
//
//   forward    S = Q K^T,  P = softmax(scale S),  O = P V
//   backward   P  = exp(scale S - lse)               recomputed
//              dV += P^T dO
//              dP = dO V^T,  dS = scale P (dP - rowsum(P dP))
//              dQ = dS K,    dK += dS^T Q
//
// Logits and sums over tiles have the master type, P and dS the activation type (inputs of matrix units).
#include <algorithm>
#include <cmath>

#include "dnn/attention.hpp"
#include "dnn/matmul.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/softmax.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn::detail {
namespace {

using kernels::Exec;

constexpr std::int64_t kTileElements = std::int64_t{1} << 24;  // 64 MiB of logits in fp32

// Queries of a tile.
std::int64_t tile_of(const AttentionShape& n) { return std::clamp<std::int64_t>(kTileElements / n.keys, 1, n.queries); }

// Rows of one sample, columns of one head.
AnyMatrix head_of(const AnyMatrix& m, std::int64_t sample, std::int64_t rows, std::int64_t head, std::int64_t dim) {
  return m.part(sample * rows, rows, head * dim, dim);
}
AnyMatrix rows_of(const AnyMatrix& m, std::int64_t begin, std::int64_t count) {
  return m.part(begin, count, 0, m.cols);
}

// Calls f(sample, head, first query, queries of the tile).
template <class F>
void for_tiles(const AttentionShape& n, std::int64_t sample, std::int64_t head, const F& f) {
  for (std::int64_t first = 0; first < n.queries; first += tile_of(n))
    f(sample, head, first, std::min(tile_of(n), n.queries - first));
}

template <class T>
kernels::View1<Master<T>> lse_of(const Tensor& lse, const AttentionShape& n, std::int64_t sample, std::int64_t head,
                                 std::int64_t first, std::int64_t count) {
  return kernels::View1<Master<T>>(lse.data<Master<T>>() + (sample * n.heads + head) * n.queries + first,
                                   static_cast<std::size_t>(count));
}

template <class T>
void forward_tile(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k, const AnyMatrix& v,
                  const AttentionShape& n, std::int64_t sample, std::int64_t head, std::int64_t first,
                  std::int64_t count) {
  using M = Master<T>;
  const Tensor logits({count, n.keys}, dtype_of<M>()), weights({count, n.keys}, dtype_of<T>());
  const AnyMatrix query = rows_of(head_of(q, sample, n.queries, head, n.dim), first, count);
  matmul(logits, query, head_of(k, sample, n.keys, head, n.dim).transposed(), {}, false);
  kernels::softmax_fwd<T>(Exec{}, rows<T>(weights), lse_of<T>(lse, n, sample, head, first, count),
                          rows<const M>(logits), static_cast<M>(n.scale<double>()));
  matmul(rows_of(head_of(o, sample, n.queries, head, n.dim), first, count), weights,
         head_of(v, sample, n.keys, head, n.dim), {}, false);
}

// One head of one sample; dk and dv gather in the master type.
template <class T>
class BackwardHead {
 public:
  using M = Master<T>;

  BackwardHead(const AttentionShape& n, const AnyMatrix& dq, const AnyMatrix& dout, const AnyMatrix& q,
               const AnyMatrix& k, const AnyMatrix& v)
      : n_(n),
        dq_(dq),
        dout_(dout),
        q_(q),
        k_(k),
        v_(v),
        dk_(Tensor::zeros({n.keys, n.dim}, dtype_of<M>())),
        dv_(Tensor::zeros({n.keys, n.dim}, dtype_of<M>())) {}

  void add_tile(kernels::View1<const M> lse, std::int64_t first, std::int64_t count) {
    const Tensor logits({count, n_.keys}, dtype_of<M>()), weights({count, n_.keys}, dtype_of<T>()),
        dlogits({count, n_.keys}, dtype_of<T>());
    const AnyMatrix query = rows_of(q_, first, count), gradient = rows_of(dout_, first, count);
    const auto scale = static_cast<M>(n_.scale<double>());
    matmul(logits, query, k_.transposed(), {}, false);
    kernels::softmax_again<T>(Exec{}, rows<T>(weights), rows<const M>(logits), lse, scale);
    matmul(dv_, weights.matrix().transposed(), gradient, {}, true);
    matmul(logits, gradient, v_.transposed(), {}, false);  // now dP
    kernels::softmax_bwd<T>(Exec{}, rows<T>(dlogits), rows<const T>(weights), rows<const M>(logits), scale);
    matmul(rows_of(dq_, first, count), dlogits, k_, {}, false);
    matmul(dk_, dlogits.matrix().transposed(), query, {}, true);
  }

  void store(const AnyMatrix& dk, const AnyMatrix& dv) const {
    kernels::cast_rows<T>(Exec{}, dk.as<T>(), rows<const M>(dk_));
    kernels::cast_rows<T>(Exec{}, dv.as<T>(), rows<const M>(dv_));
  }

 private:
  const AttentionShape& n_;
  AnyMatrix dq_, dout_, q_, k_, v_;
  Tensor dk_, dv_;
};

}  // namespace

void attention_fwd_tiled(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                         const AnyMatrix& v) {
  const AttentionShape n = shape_of(lse, q, k);
  dispatch(q.dtype, [&]<class T>() {
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t h = 0; h < n.heads; ++h)
        for_tiles(n, b, h, [&](auto... where) { forward_tile<T>(o, lse, q, k, v, n, where...); });
  });
}

void attention_bwd_tiled(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                         const AnyMatrix& /*o*/, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                         const AnyMatrix& v) {
  const AttentionShape n = shape_of(lse, q, k);
  dispatch(q.dtype, [&]<class T>() {
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t h = 0; h < n.heads; ++h) {
        const auto of_queries = [&](const AnyMatrix& m) { return head_of(m, b, n.queries, h, n.dim); };
        const auto of_keys = [&](const AnyMatrix& m) { return head_of(m, b, n.keys, h, n.dim); };
        BackwardHead<T> backward(n, of_queries(dq), of_queries(dout), of_queries(q), of_keys(k), of_keys(v));
        for_tiles(n, b, h, [&](auto sample, auto head, auto first, auto count) {
          backward.add_tile(lse_of<T>(lse, n, sample, head, first, count), first, count);
        });
        backward.store(of_keys(dk), of_keys(dv));
      }
  });
}

}  // namespace brainmt::dnn::detail
