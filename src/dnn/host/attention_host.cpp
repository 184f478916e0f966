// The tiled kernel with oneDNN's GEMMs inside. Under BRAINMT_PORTABLE_KERNELS: the tiled fallback of a device.
#include "dnn/attention.hpp"
#include "dnn/host/small_gemm.hpp"
#include "kernels/attention.hpp"
#include "kernels/detail/loops.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn {
namespace {

using kernels::detail::kPortable;

std::size_t extent(const Tensor& lse, int axis) { return static_cast<std::size_t>(lse.shape()[axis]); }

}  // namespace

void detail::run_attention_fwd(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                               const AnyMatrix& v) {
  if constexpr (kPortable) {
    detail::attention_fwd_tiled(o, lse, q, k, v);
  } else {
    dispatch(q.dtype, [&]<class T>() {
      kernels::attention_fwd<T>(kernels::Exec{}, o.as<T>(), view3<Master<T>>(lse), q.as<const T>(), k.as<const T>(),
                                v.as<const T>(), extent(lse, 0), extent(lse, 1), small_gemm);
    });
  }
}

void detail::run_attention_bwd(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                               const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                               const AnyMatrix& v) {
  if constexpr (kPortable) {
    detail::attention_bwd_tiled(dq, dk, dv, dout, o, lse, q, k, v);
  } else {
    dispatch(q.dtype, [&]<class T>() {
      kernels::attention_bwd<T>(kernels::Exec{}, dq.as<T>(), dk.as<T>(), dv.as<T>(), dout.as<const T>(),
                                o.as<const T>(), view3<const Master<T>>(lse), q.as<const T>(), k.as<const T>(),
                                v.as<const T>(), extent(lse, 0), extent(lse, 1), small_gemm);
    });
  }
}

}  // namespace brainmt::dnn
