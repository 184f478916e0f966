#include "kernels/conv3d_direct.hpp"

#include "dnn/conv3d_backend.hpp"
#include "dnn/gemm.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn::detail {

void conv3d_fwd_direct(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
                       bool relu) {
  dispatch(y.dtype(), [&]<class T>() {
    using M = Master<T>;
    kernels::conv3d_direct_fwd<T>(kernels::Exec{}, view1<T>(y), view1<const T>(x), view1<const M>(w),
                                  bias ? view1<const M>(bias) : kernels::View1<const M>{}, shape, relu);
  });
}

void conv3d_bwd_data_direct(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape) {
  dispatch(dx.dtype(), [&]<class T>() {
    kernels::conv3d_direct_bwd_data<T>(kernels::Exec{}, view1<T>(dx), view1<const T>(dy), view1<const Master<T>>(w),
                                       shape);
  });
}

void conv3d_bwd_weights_direct(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                               const Conv3dShape& shape) {
  dispatch(x.dtype(), [&]<class T>() {
    kernels::conv3d_direct_bwd_weights<T>(kernels::Exec{}, view1<Master<T>>(dw), view1<const T>(dy), view1<const T>(x),
                                          shape);
  });
  if (dbias) add_column_sums(dbias, dy);
}

}  // namespace brainmt::dnn::detail
