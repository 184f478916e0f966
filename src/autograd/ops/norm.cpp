#include "kernels/norm.hpp"

#include "autograd/ops.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {
namespace {

using kernels::Exec;

// Calls f.operator()<R, T>() for an input of type `in` and an output of type `out`.
template <class F>
void dispatch_pair(DType in, DType out, F&& f) {
  dispatch(out, [&]<class T>() {
    if (in == out)
      f.template operator()<T, T>();
    else if constexpr (std::is_same_v<T, bf16>)
      f.template operator()<float, T>();
    else
      throw InternalError("norm: input type differs from output type and is not its master type");
  });
}

kernels::View1<const float> scale_view(const Tensor& scale) {
  return scale ? view1<const float>(scale) : kernels::View1<const float>{};
}

// Rows that share one entry of `scale` [B].
std::size_t rows_per_sample(const Tensor& t, const Tensor& scale) {
  return static_cast<std::size_t>(scale ? t.row_count() / scale.count() : t.row_count());
}

}  // namespace

Var layer_norm(Tape& tape, const Var& x, Parameter& weight, Parameter& bias, double eps, DType out) {
  const profile::StageLabel stage("norms");
  Var y = tape.result(Tensor(x.shape(), out));
  const Shape per_row{x.value().row_count()};
  const Tensor mean(per_row, master_of(out)), rstd(per_row, master_of(out));
  dispatch_pair(x.dtype(), out, [&]<class R, class T>() {
    using M = Master<T>;
    kernels::layer_norm_fwd<R, T>(Exec{}, view2<T>(y.value()), view1<M>(mean), view1<M>(rstd),
                                  view2<const R>(x.value()), view1<const M>(weight.value), view1<const M>(bias.value),
                                  static_cast<M>(eps));
  });
  tape.record({&weight, &bias}, [=, input = x.value(), dx = x.gradient(), dy = y.gradient(), &weight, &bias] {
    if (!dy.arrived()) return;
    const Tensor dout = dy.take();
    bool fresh = true;
    const Tensor din =
        dx.wanted() ? dx.buffer(input.shape(), input.dtype(), fresh) : Tensor(input.shape(), input.dtype());
    dispatch_pair(input.dtype(), out, [&]<class R, class T>() {
      using M = Master<T>;
      kernels::layer_norm_bwd<R, T>(Exec{}, view2<R>(din), view1<M>(weight.grad), view1<M>(bias.grad),
                                    view2<const T>(dout), view2<const R>(input), view1<const M>(mean),
                                    view1<const M>(rstd), view1<const M>(weight.value), !fresh);
    });
  });
  return y;
}

Var rms_norm(Tape& tape, const Var& x, Parameter& weight, double eps, DType out) {
  const profile::StageLabel stage("norms");
  Var y = tape.result(Tensor(x.shape(), out));
  const Tensor rstd(Shape{x.value().row_count()}, master_of(out));
  dispatch_pair(x.dtype(), out, [&]<class R, class T>() {
    using M = Master<T>;
    kernels::rms_norm_fwd<R, T>(Exec{}, view2<T>(y.value()), view1<M>(rstd), view2<const R>(x.value()),
                                view1<const M>(weight.value), static_cast<M>(eps));
  });
  tape.record({&weight}, [=, input = x.value(), dx = x.gradient(), dy = y.gradient(), &weight] {
    if (!dy.arrived()) return;
    const Tensor dout = dy.take();
    bool fresh = true;
    const Tensor din = dx.buffer(input.shape(), input.dtype(), fresh);
    dispatch_pair(input.dtype(), out, [&]<class R, class T>() {
      using M = Master<T>;
      kernels::rms_norm_bwd<R, T>(Exec{}, view2<R>(din), view1<M>(weight.grad), view2<const T>(dout),
                                  view2<const R>(input), view1<const M>(rstd), view1<const M>(weight.value), !fresh);
    });
  });
  return y;
}

namespace {

// Gradient of residual_add: the residual's is `dsum` itself, the branch's is scaled.
void residual_add_bwd(const Tensor& dsum, const Gradient& dresidual, const Gradient& dbranch, const Shape& branch_shape,
                      DType branch_dtype, const Tensor& scale) {
  if (dbranch.wanted()) {
    const Tensor db(branch_shape, branch_dtype);
    dispatch(branch_dtype, [&]<class T>() {
      kernels::add_scaled_bwd<T>(Exec{}, view2<T>(db), view2<const Master<T>>(dsum), scale_view(scale),
                                 rows_per_sample(db, scale));
    });
    dbranch.add(db);
  }
  dresidual.add(dsum);
}

}  // namespace

Var residual_add(Tape& tape, const Var& residual, const Var& branch, const Tensor& scale) {
  const profile::StageLabel stage("norms");
  Var sum = tape.result(Tensor(residual.shape(), residual.dtype()));
  dispatch(branch.dtype(), [&]<class T>() {
    using M = Master<T>;
    kernels::add_scaled<T>(Exec{}, view2<M>(sum.value()), view2<const M>(residual.value()),
                           view2<const T>(branch.value()), scale_view(scale), rows_per_sample(branch.value(), scale));
  });
  tape.record({}, [scale, shape = branch.shape(), dtype = branch.dtype(), dresidual = residual.gradient(),
                   dbranch = branch.gradient(), dsum = sum.gradient()] {
    if (dsum.arrived()) residual_add_bwd(dsum.take(), dresidual, dbranch, shape, dtype, scale);
  });
  return sum;
}

NormedResidual add_rms_norm(Tape& tape, const Var& residual, const Var& branch, const Tensor& scale, Parameter& weight,
                            double eps) {
  const profile::StageLabel stage("norms");
  const DType out = branch.dtype();
  NormedResidual result{tape.result(Tensor(branch.shape(), out)),
                        tape.result(Tensor(branch.shape(), residual.dtype()))};
  const Tensor rstd(Shape{branch.value().row_count()}, master_of(out));
  dispatch(out, [&]<class T>() {
    using M = Master<T>;
    kernels::add_rms_norm_fwd<T>(Exec{}, view2<T>(result.normed.value()), view2<M>(result.residual.value()),
                                 view1<M>(rstd), view2<const M>(residual.value()), view2<const T>(branch.value()),
                                 scale_view(scale), rows_per_sample(branch.value(), scale),
                                 view1<const M>(weight.value), static_cast<M>(eps));
  });
  tape.record({&weight}, [=, sum = result.residual.value(), dnormed = result.normed.gradient(),
                          dsum = result.residual.gradient(), dresidual = residual.gradient(),
                          dbranch = branch.gradient(), shape = branch.shape(), &weight] {
    if (dnormed.arrived()) {
      const Tensor dout = dnormed.take();
      bool fresh = true;
      const Tensor total = dsum.buffer(sum.shape(), sum.dtype(), fresh);
      dispatch(out, [&]<class T>() {
        using M = Master<T>;
        kernels::rms_norm_bwd<M, T>(Exec{}, view2<M>(total), view1<M>(weight.grad), view2<const T>(dout),
                                    view2<const M>(sum), view1<const M>(rstd), view1<const M>(weight.value), !fresh);
      });
    }
    if (dsum.arrived()) residual_add_bwd(dsum.take(), dresidual, dbranch, shape, out, scale);
  });
  return result;
}

}  // namespace brainmt::autograd
