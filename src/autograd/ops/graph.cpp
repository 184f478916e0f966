#include "kernels/graph.hpp"

#include "autograd/ops.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {

using kernels::Exec;

namespace {

Tensor swapped(const Tensor& x) {
  const Shape& s = x.shape();
  const Tensor y({s[0], s[3], s[2], s[1]}, x.dtype());
  dispatch(x.dtype(), [&]<class T>() { kernels::swap_nodes<T>(Exec{}, view4<T>(y), view4<const T>(x)); });
  return y;
}

Tensor scaled(const Tensor& x, const Tensor& factors) {
  const Tensor y(x.shape(), x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    kernels::scale_features<T>(Exec{}, view2<T>(y), view2<const T>(x), view2<const float>(factors));
  });
  return y;
}

}  // namespace

Var swap_nodes(Tape& tape, const Var& x) {
  Var y = tape.result(swapped(x.value()));
  // The gradient has the shape that the result was used with.
  tape.record({}, [shape = y.shape(), dx = x.gradient(), dy = y.gradient()] {
    if (dy.arrived() && dx.wanted()) dx.add(swapped(dy.take().reshape(shape)));
  });
  return y;
}

Var outer_sum(Tape& tape, const Var& rows, const Var& columns) {
  const Shape &r = rows.shape(), &c = columns.shape();
  BRAINMT_CHECK(r.rank() == 3 && c.rank() == 3 && r[0] == c[0] && r[2] == c[2], "{} and {}", r.str(), c.str());
  Var y = tape.result(Tensor({r[0], r[1], r[2], c[1]}, rows.dtype()));
  dispatch(y.dtype(), [&]<class T>() {
    kernels::outer_sum_fwd<T>(Exec{}, view4<T>(y.value()), view3<const T>(rows.value()),
                              view3<const T>(columns.value()));
  });
  tape.record({}, [r, c, shape = y.shape(), drows = rows.gradient(), dcolumns = columns.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor gradient = dy.take().reshape(shape);
    const Tensor of_rows(r, gradient.dtype()), of_columns(c, gradient.dtype());
    dispatch(gradient.dtype(), [&]<class T>() {
      kernels::outer_sum_bwd<T>(Exec{}, view3<T>(of_rows), view3<T>(of_columns), view4<const T>(gradient));
    });
    drows.add(of_rows);
    dcolumns.add(of_columns);
  });
  return y;
}

Var leaky_relu(Tape& tape, const Var& x, double slope) {
  Var y = tape.result(Tensor(x.shape(), x.dtype()));
  dispatch(x.dtype(), [&]<class T>() {
    kernels::leaky_relu_fwd<T>(Exec{}, view1<T>(y.value()), view1<const T>(x.value()), static_cast<Master<T>>(slope));
  });
  tape.record({}, [slope, input = x.value(), dx = x.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take();  // ours alone, so it becomes dx in place
    dispatch(g.dtype(), [&]<class T>() {
      kernels::leaky_relu_bwd<T>(Exec{}, view1<T>(g), view1<const T>(g), view1<const T>(input),
                                 static_cast<Master<T>>(slope));
    });
    dx.add(g);
  });
  return y;
}

Var scale_features(Tape& tape, const Var& x, const Tensor& factors) {
  if (!factors) return x;
  Var y = tape.result(scaled(x.value(), factors));
  tape.record({}, [factors, dx = x.gradient(), dy = y.gradient()] {
    if (dy.arrived() && dx.wanted()) dx.add(scaled(dy.take(), factors));
  });
  return y;
}

}  // namespace brainmt::autograd
