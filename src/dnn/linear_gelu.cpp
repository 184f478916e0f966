#include "dnn/linear_gelu.hpp"

#include "dnn/backend.hpp"
#include "dnn/matmul.hpp"
#include "kernels/activations.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn {

using kernels::Activation;

Activation gelu_form(DType type) {
  return settings().tanh_gelu && type == DType::kBf16 ? Activation::kGeluTanh : Activation::kGeluErf;
}

void linear_gelu_fwd(const Tensor& y, const Tensor& pre, const AnyMatrix& x, const Tensor& w, const Tensor& bias) {
  BRAINMT_CHECK(y.shape() == pre.shape() && y.dtype() == pre.dtype(), "gelu of {} in {}", pre.shape().str(),
                y.shape().str());
  const Activation form = gelu_form(y.dtype());
  if (form == Activation::kGeluTanh && bias) {
    // The library always writes both outputs, so forward passes with and without saved tensors give equal bits.
    const Tensor beside = pre.raw() == y.raw() ? Tensor(y.shape(), y.dtype()) : pre;
    if (matmul_gelu(y, beside, x, w.matrix().transposed(), bias)) return;
  }
  linear_fwd(pre, x, w, bias);
  dispatch(y.dtype(),
           [&]<class T>() { kernels::activation_fwd<T>(kernels::Exec{}, view1<T>(y), view1<const T>(pre), form); });
}

void linear_gelu_bwd(const Tensor& dpre, const AnyMatrix& dy, const Tensor& w, const Tensor& pre) {
  BRAINMT_CHECK(dpre.shape() == pre.shape() && dpre.dtype() == pre.dtype(), "gradient {} of gelu of {}",
                dpre.shape().str(), pre.shape().str());
  const Activation form = gelu_form(pre.dtype());
  if (form == Activation::kGeluTanh && matmul_gelu_bwd(dpre, pre, dy, w)) return;
  linear_bwd_data(dpre, dy, w, false);
  dispatch(pre.dtype(), [&]<class T>() {
    kernels::activation_bwd<T>(kernels::Exec{}, view1<T>(dpre), view1<const T>(dpre), view1<const T>(pre), form);
  });
}

}  // namespace brainmt::dnn
