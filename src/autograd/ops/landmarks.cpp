// Attention by landmarks, in the master type. Kept for the backward pass: three softmaxes and the inverse after each
// iteration; the products in between are computed again.
#include "kernels/landmarks.hpp"

#include "autograd/masked_ops.hpp"
#include "base/shapes.hpp"
#include "dnn/matmul.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/softmax.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {
namespace {

using dnn::matmul;
using kernels::Exec;

constexpr int kIterations = 6;

// All in the master type. [B, L, C], [B, m, C]; the others [B * H, rows, columns].
template <class M>
class Landmarks {
 public:
  Landmarks(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads, std::int64_t landmarks)
      : n_{q.shape()[0], heads, q.shape()[1], q.shape()[1], q.shape()[2] / heads},
        m_(landmarks),
        q_(q),
        k_(k),
        v_(v),
        q_mean_(means(q)),
        k_mean_(means(k)),
        rows_(stack(n_.queries, m_)),
        core_(stack(m_, m_)),
        columns_(stack(m_, n_.queries)),
        start_({3}, dtype()) {
    for (std::int64_t i = 0; i < count(); ++i) {
      softmax(rows_, i, head(q_, i), head(k_mean_, i));
      softmax(core_, i, head(q_mean_, i), head(k_mean_, i));
      softmax(columns_, i, head(q_mean_, i), head(k_, i));
    }
    inverses_.push_back(stack(m_, m_));
    kernels::inverse_start_fwd<M>(Exec{}, view3<M>(inverses_[0]), view1<M>(start_), view3<const M>(core_));
    for (int step = 0; step < kIterations; ++step) {
      const Factors f(*this, inverses_.back());
      inverses_.push_back(product(inverses_.back(), f.third, 0.25));
    }
  }

  Tensor result() const {
    const Tensor out(q_.shape(), dtype());
    for (std::int64_t i = 0; i < count(); ++i) {
      const Tensor right = inverse_times(summary(i), i);
      matmul(head(out, i), of(rows_, i), right, {}, false);
    }
    return out;
  }

  struct Gradients {
    Tensor q, k, v;
  };
  Gradients backward(const Tensor& dout) const {
    const Gradients d{zeros(q_), zeros(k_), zeros(v_)};
    const Tensor dq_mean = zeros(q_mean_), dk_mean = zeros(k_mean_), dcore = Tensor::zeros(core_.shape(), dtype());
    const Tensor dinverse = stack(m_, m_);
    for (std::int64_t i = 0; i < count(); ++i) {
      const Tensor u = summary(i), w = inverse_times(u, i), dw({m_, n_.dim}, dtype()), du({m_, n_.dim}, dtype());
      matmul(dw, of(rows_, i).transposed(), head(dout, i), {}, false);
      matmul(of(dinverse, i), dw, u.matrix().transposed(), {}, false);
      matmul(du, of(inverses_.back(), i).transposed(), dw, {}, false);
      matmul(head(d.v, i), of(columns_, i).transposed(), du, {}, true);
      const Tensor drows({n_.queries, m_}, dtype()), dcolumns({m_, n_.queries}, dtype());
      matmul(drows, head(dout, i), w.matrix().transposed(), {}, false);
      softmax_backward(drows, rows_, i, {head(d.q, i), head(dk_mean, i)}, head(q_, i), head(k_mean_, i));
      matmul(dcolumns, du, head(v_, i).transposed(), {}, false);
      softmax_backward(dcolumns, columns_, i, {head(dq_mean, i), head(d.k, i)}, head(q_mean_, i), head(k_, i));
    }
    inverse_backward(dinverse, dcore);
    for (std::int64_t i = 0; i < count(); ++i)
      softmax_backward(part(dcore, i), core_, i, {head(dq_mean, i), head(dk_mean, i)}, head(q_mean_, i),
                       head(k_mean_, i));
    kernels::segment_means_bwd<M>(Exec{}, view3<M>(d.q), view3<const M>(dq_mean));
    kernels::segment_means_bwd<M>(Exec{}, view3<M>(d.k), view3<const M>(dk_mean));
    return d;
  }

 private:
  // P = M Z, then 7 I - P, 15 I - P (7 I - P), 13 I - P (15 I - ...).
  struct Factors {
    Tensor p, first, second, third;

    Factors(const Landmarks& l, const Tensor& z)
        : p(l.product(l.core_, z, 1)),
          first(minus(7, p)),
          second(minus(15, l.product(p, first, 1))),
          third(minus(13, l.product(p, second, 1))) {}

    static Tensor minus(M a, const Tensor& x) {
      const Tensor y(x.shape(), x.dtype());
      kernels::identity_minus<M>(Exec{}, view3<M>(y), a, view3<const M>(x));
      return y;
    }
  };

  static DType dtype() { return dtype_of<M>(); }
  std::int64_t count() const { return n_.batch * n_.heads; }
  Tensor stack(std::int64_t rows, std::int64_t cols) const { return Tensor({count(), rows, cols}, dtype()); }
  static Tensor zeros(const Tensor& like) { return Tensor::zeros(like.shape(), dtype()); }
  static Tensor part(const Tensor& t, std::int64_t i) {
    return t.slice(i, i + 1).reshape({t.shape()[1], t.shape()[2]});
  }
  static AnyMatrix of(const Tensor& t, std::int64_t i) { return part(t, i).matrix(); }
  // Rows of one sample, columns of one head.
  AnyMatrix head(const Tensor& t, std::int64_t i) const {
    const std::int64_t rows = t.shape()[1];
    return t.matrix().part(i / n_.heads * rows, rows, i % n_.heads * n_.dim, n_.dim);
  }
  Tensor means(const Tensor& x) const {
    const Tensor y({n_.batch, m_, x.shape()[2]}, dtype());
    kernels::segment_means_fwd<M>(Exec{}, view3<M>(y), view3<const M>(x));
    return y;
  }
  M scale() const { return static_cast<M>(n_.template scale<double>()); }

  void softmax(const Tensor& to, std::int64_t i, const AnyMatrix& q, const AnyMatrix& k) const {
    const Tensor p = part(to, i), logits(p.shape(), dtype()), lse({p.shape()[0]}, dtype());
    matmul(logits, q, k.transposed(), {}, false);
    kernels::softmax_fwd<M>(Exec{}, rows<M>(p), view1<M>(lse), rows<const M>(logits), scale());
  }
  struct Inputs {
    AnyMatrix dq, dk;
  };
  // From the gradient of a softmax to those of its queries and keys, which are added to.
  void softmax_backward(const Tensor& dp, const Tensor& weights, std::int64_t i, const Inputs& d, const AnyMatrix& q,
                        const AnyMatrix& k) const {
    const Tensor dlogits(dp.shape(), dtype());
    kernels::softmax_bwd<M>(Exec{}, rows<M>(dlogits), rows<const M>(part(weights, i)), rows<const M>(dp), scale());
    matmul(d.dq, dlogits, k, {}, true);
    matmul(d.dk, dlogits.matrix().transposed(), q, {}, true);
  }

  // S(q~ k^T) v and Z of it.
  Tensor summary(std::int64_t i) const {
    const Tensor u({m_, n_.dim}, dtype());
    matmul(u, of(columns_, i), head(v_, i), {}, false);
    return u;
  }
  Tensor inverse_times(const Tensor& u, std::int64_t i) const {
    const Tensor w({m_, n_.dim}, dtype());
    matmul(w, of(inverses_.back(), i), u, {}, false);
    return w;
  }

  enum class Flip { kNone, kFirst, kSecond };
  Tensor product(const Tensor& a, const Tensor& b, M factor, Flip flip = Flip::kNone) const {
    const Tensor c = stack(m_, m_);
    for (std::int64_t i = 0; i < count(); ++i)
      matmul(of(c, i), flip == Flip::kFirst ? of(a, i).transposed() : of(a, i),
             flip == Flip::kSecond ? of(b, i).transposed() : of(b, i), {}, false);
    if (factor != M(1)) add(c, factor, c, 0);
    return c;
  }
  // y = factor x + keep y
  static void add(const Tensor& y, M factor, const Tensor& x, M keep) {
    kernels::axpby<M>(Exec{}, view1<M>(y), factor, view1<const M>(x), keep);
  }

  // Through the iterations and the start, into dcore.
  void inverse_backward(Tensor dz, const Tensor& dcore) const {
    for (int step = kIterations; step-- > 0;) {
      const Tensor& z = inverses_[static_cast<std::size_t>(step)];
      const Factors f(*this, z);
      const Tensor dthird = product(z, dz, M(0.25), Flip::kFirst);
      const Tensor dsecond = product(f.p, dthird, -1, Flip::kFirst), dfirst = product(f.p, dsecond, -1, Flip::kFirst);
      const Tensor dp = product(dthird, f.second, -1, Flip::kSecond);
      add(dp, 1, product(dsecond, f.first, -1, Flip::kSecond), 1);
      add(dp, -1, dfirst, 1);
      dz = product(dz, f.third, M(0.25), Flip::kSecond);
      add(dz, 1, product(core_, dp, 1, Flip::kFirst), 1);
      add(dcore, 1, product(dp, z, 1, Flip::kSecond), 1);
    }
    kernels::inverse_start_bwd<M>(Exec{}, view3<M>(dcore), view3<const M>(dz), view3<const M>(core_),
                                  view1<const M>(start_));
  }

  AttentionShape n_;
  std::int64_t m_;
  Tensor q_, k_, v_, q_mean_, k_mean_;
  Tensor rows_, core_, columns_;  // S(q k~^T), M, S(q~ k^T)
  std::vector<Tensor> inverses_;  // before each iteration, and the result
  Tensor start_;
};

template <class F>
auto for_master(DType dtype, const F& f) {
  return dtype == DType::kF64 ? f.template operator()<double>() : f.template operator()<float>();
}

}  // namespace

Var landmark_attention(Tape& tape, const Var& q, const Var& k, const Var& v, int heads, std::int64_t landmarks) {
  const profile::StageLabel stage("attention");
  const DType type = q.dtype(), master = master_of(type);
  BRAINMT_CHECK(q.shape() == k.shape() && q.shape()[1] % landmarks == 0, "{} by {} landmarks", q.shape().str(),
                landmarks);
  return for_master(master, [&]<class M>() {
    const auto kept = std::make_shared<const Landmarks<M>>(q.value().to(master), k.value().to(master),
                                                           v.value().to(master), heads, landmarks);
    Var out = tape.result(kept->result().to(type));
    tape.record({}, [=, dq = q.gradient(), dk = k.gradient(), dv = v.gradient(), dout = out.gradient()] {
      if (!dout.arrived()) return;
      const auto d = kept->backward(dout.take().to(master));
      dq.add(d.q.to(type));
      dk.add(d.k.to(type));
      dv.add(d.v.to(type));
    });
    return out;
  });
}

}  // namespace brainmt::autograd
