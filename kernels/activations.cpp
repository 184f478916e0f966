// Each activation is a pair of structs with the same interface: the vectorising one for float and bf16, the textbook's
// for double. The choice is made once for an array, never inside a loop.
#include "kernels/activations.hpp"

#include "kernels/detail/activation_math.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/ref/activations.hpp"

namespace brainmt::kernels {
namespace {

// F is the vectorising function, Exact the textbook's.
template <class T, class F, class Exact>
using FunctionFor = std::conditional_t<std::is_same_v<T, double>, Exact, F>;
template <class T>
using SiluFor = FunctionFor<T, detail::Silu, ref::Silu>;

template <class F, class T>
void forward(const Exec& exec, View1<T> y, View1<const T> x) {
  detail::count_traffic("brainmt::activation::fwd", y, x);
  T* out = y.data();
  const T* in = x.data();
  detail::for_each(
      exec, "brainmt::activation::fwd", y.extent(0),
      KOKKOS_LAMBDA(std::size_t i) { out[i] = F::value(static_cast<Master<T>>(in[i])); });
}

template <class F, class T>
void backward(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const T> x) {
  detail::count_traffic("brainmt::activation::bwd", dx, dy, x);
  T* out = dx.data();
  const T *gradient = dy.data(), *in = x.data();
  detail::for_each(
      exec, "brainmt::activation::bwd", dx.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        out[i] = F::slope(static_cast<Master<T>>(in[i])) * static_cast<Master<T>>(gradient[i]);
      });
}

// Calls f.operator()<F, Exact>() for the pair of `activation`.
template <class Call>
void dispatch(Activation activation, const Call& f) {
  switch (activation) {
    case Activation::kRelu:
      return f.template operator()<detail::Relu, ref::Relu>();
    case Activation::kGeluTanh:
      return f.template operator()<detail::GeluTanh, ref::GeluTanh>();
    case Activation::kGeluErf:
      return f.template operator()<detail::GeluErf, ref::GeluErf>();
    case Activation::kSilu:
      return f.template operator()<detail::Silu, ref::Silu>();
    case Activation::kSoftplus:
      return f.template operator()<detail::Softplus, ref::Softplus>();
  }
}

}  // namespace

template <class T>
void activation_fwd(const Exec& exec, View1<T> y, View1<const T> x, Activation f) {
  dispatch(f, [&]<class F, class Exact>() { forward<FunctionFor<T, F, Exact>>(exec, y, x); });
}

template <class T>
void activation_bwd(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const T> x, Activation f) {
  dispatch(f, [&]<class F, class Exact>() { backward<FunctionFor<T, F, Exact>>(exec, dx, dy, x); });
}

template <class T>
void gate_silu_fwd(const Exec& exec, MatrixView<T> out, MatrixView<const T> y, MatrixView<const T> z) {
  detail::count_traffic("brainmt::gate_silu::fwd", out, y, z);
  const std::size_t cols = out.cols;
  detail::for_each_row(
      exec, "brainmt::gate_silu::fwd", out.rows, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        T* o = &out(row, 0);
        const T *value = &y(row, 0), *gate = &z(row, 0);
        detail::row_for(team, cols, [=](std::size_t i) {
          o[i] = static_cast<Master<T>>(value[i]) * SiluFor<T>::value(static_cast<Master<T>>(gate[i]));
        });
      });
}

template <class T>
void gate_silu_bwd(const Exec& exec, MatrixView<T> dy, MatrixView<T> dz, MatrixView<const T> dout,
                   MatrixView<const T> y, MatrixView<const T> z) {
  detail::count_traffic("brainmt::gate_silu::bwd", dy, dz, dout, y, z);
  const std::size_t cols = dout.cols;
  detail::for_each_row(
      exec, "brainmt::gate_silu::bwd", dout.rows, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        T *dvalue = &dy(row, 0), *dgate = &dz(row, 0);
        const T *gradient = &dout(row, 0), *value = &y(row, 0), *gate = &z(row, 0);
        detail::row_for(team, cols, [=](std::size_t i) {
          const Master<T> g = gradient[i], v = value[i], x = gate[i];  // read first: an output may be an input
          dvalue[i] = g * SiluFor<T>::value(x);
          dgate[i] = g * v * SiluFor<T>::slope(x);
        });
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                                        \
  template void activation_fwd<T>(const Exec&, View1<T>, View1<const T>, Activation);                                 \
  template void activation_bwd<T>(const Exec&, View1<T>, View1<const T>, View1<const T>, Activation);                 \
  template void gate_silu_fwd<T>(const Exec&, MatrixView<T>, MatrixView<const T>, MatrixView<const T>);               \
  template void gate_silu_bwd<T>(const Exec&, MatrixView<T>, MatrixView<T>, MatrixView<const T>, MatrixView<const T>, \
                                 MatrixView<const T>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
