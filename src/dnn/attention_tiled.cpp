// One head of one sample after the other, kTileElements logits at a time:
//
//   forward    S = Q K^T,  P = softmax(scale S),  O = P V
//   backward   P again from lse;  dV += P^T dO,  dP = dO V^T,  dS = scale P (dP - rowsum(P dP)),  dQ = dS K,  dK +=
//   dS^T Q
//
// Logits and the sums over tiles have the master type, P and dS the activation type, as the matrix units want it.
#include <algorithm>
#include <cmath>

#include "dnn/attention.hpp"
#include "dnn/product.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/softmax.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn::detail {
namespace {

using kernels::Exec;

constexpr std::int64_t kTileElements = std::int64_t{1} << 24;  // 64 MiB of logits in fp32

struct Sizes {
  std::int64_t batch, heads, queries, keys, dim;

  Sizes(const Tensor& lse, const Matrix& q, const Matrix& k)
      : batch(lse.shape()[0]),
        heads(lse.shape()[1]),
        queries(lse.shape()[2]),
        keys(k.rows() / batch),
        dim(q.cols / heads) {}
  std::int64_t tile() const { return std::clamp<std::int64_t>(kTileElements / keys, 1, queries); }
  double scale() const { return 1.0 / std::sqrt(static_cast<double>(dim)); }
};

// Rows of one sample, columns of one head; as an operand and as the kernels' view.
struct Part {
  Operand operand;

  template <class T>
  kernels::Rows<T> rows() const {
    return kernels::rows(static_cast<T*>(operand.data), static_cast<std::size_t>(operand.rows),
                         static_cast<std::size_t>(operand.cols), static_cast<std::size_t>(operand.row_stride));
  }
  Part slice(std::int64_t begin, std::int64_t count) const { return {operand.part(begin, count, 0, operand.cols)}; }
};

Part head_of(const Matrix& m, std::int64_t sample, std::int64_t rows, std::int64_t head, std::int64_t dim) {
  return {operand(m).part(sample * rows, rows, head * dim, dim)};
}

// Calls f(sample, head, first query, queries of the tile).
template <class F>
void for_tiles(const Sizes& n, std::int64_t sample, std::int64_t head, const F& f) {
  for (std::int64_t first = 0; first < n.queries; first += n.tile())
    f(sample, head, first, std::min(n.tile(), n.queries - first));
}

template <class T>
kernels::View1<Master<T>> lse_of(const Tensor& lse, const Sizes& n, std::int64_t sample, std::int64_t head,
                                 std::int64_t first, std::int64_t count) {
  return kernels::View1<Master<T>>(lse.data<Master<T>>() + (sample * n.heads + head) * n.queries + first,
                                   static_cast<std::size_t>(count));
}

template <class T>
void forward_tile(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v, const Sizes& n,
                  std::int64_t sample, std::int64_t head, std::int64_t first, std::int64_t count) {
  using M = Master<T>;
  const Tensor logits({count, n.keys}, dtype_of<M>()), weights({count, n.keys}, dtype_of<T>());
  const Part query = head_of(q, sample, n.queries, head, n.dim).slice(first, count);
  product(operand(logits), query.operand, head_of(k, sample, n.keys, head, n.dim).operand.transposed(), {}, false);
  kernels::softmax_fwd<T>(Exec{}, rows<T>(weights), lse_of<T>(lse, n, sample, head, first, count),
                          rows<const M>(logits), static_cast<M>(n.scale()));
  product(head_of(o, sample, n.queries, head, n.dim).slice(first, count).operand, operand(weights),
          head_of(v, sample, n.keys, head, n.dim).operand, {}, false);
}

// One head of one sample; dk and dv gather in the master type.
template <class T>
class BackwardHead {
 public:
  using M = Master<T>;

  BackwardHead(const Sizes& n, const Part& dq, const Part& dout, const Part& q, const Part& k, const Part& v)
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
    const Part query = q_.slice(first, count), gradient = dout_.slice(first, count);
    const auto scale = static_cast<M>(n_.scale());
    product(operand(logits), query.operand, k_.operand.transposed(), {}, false);
    kernels::softmax_again<T>(Exec{}, rows<T>(weights), rows<const M>(logits), lse, scale);
    product(operand(dv_), operand(weights).transposed(), gradient.operand, {}, true);
    product(operand(logits), gradient.operand, v_.operand.transposed(), {}, false);  // now dP
    kernels::softmax_bwd<T>(Exec{}, rows<T>(dlogits), rows<const T>(weights), rows<const M>(logits), scale);
    product(dq_.slice(first, count).operand, operand(dlogits), k_.operand, {}, false);
    product(operand(dk_), operand(dlogits).transposed(), query.operand, {}, true);
  }

  void store(const Part& dk, const Part& dv) const {
    kernels::cast_rows<T>(Exec{}, dk.template rows<T>(), rows<const M>(dk_));
    kernels::cast_rows<T>(Exec{}, dv.template rows<T>(), rows<const M>(dv_));
  }

 private:
  const Sizes& n_;
  Part dq_, dout_, q_, k_, v_;
  Tensor dk_, dv_;
};

}  // namespace

void attention_fwd_tiled(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  const Sizes n(lse, q, k);
  dispatch(q.tensor.dtype(), [&]<class T>() {
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t h = 0; h < n.heads; ++h)
        for_tiles(n, b, h, [&](auto... where) { forward_tile<T>(o, lse, q, k, v, n, where...); });
  });
}

void attention_bwd_tiled(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout, const Matrix& /*o*/,
                         const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  const Sizes n(lse, q, k);
  dispatch(q.tensor.dtype(), [&]<class T>() {
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t h = 0; h < n.heads; ++h) {
        const auto of_queries = [&](const Matrix& m) { return head_of(m, b, n.queries, h, n.dim); };
        const auto of_keys = [&](const Matrix& m) { return head_of(m, b, n.keys, h, n.dim); };
        BackwardHead<T> backward(n, of_queries(dq), of_queries(dout), of_queries(q), of_keys(k), of_keys(v));
        for_tiles(n, b, h, [&](auto sample, auto head, auto first, auto count) {
          backward.add_tile(lse_of<T>(lse, n, sample, head, first, count), first, count);
        });
        backward.store(of_keys(dk), of_keys(dv));
      }
  });
}

}  // namespace brainmt::dnn::detail
