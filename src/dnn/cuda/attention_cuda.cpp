#include "cuda/attention.hpp"
#include "dnn/attention.hpp"
#include "dnn/cuda/context.hpp"

namespace brainmt::dnn {
namespace {

cuda::AttentionShape shape_of(const Tensor& lse, const Matrix& q, const Matrix& k) {
  const std::int64_t batch = lse.shape()[0], heads = lse.shape()[1];
  return {batch, heads, lse.shape()[2], k.rows() / batch, q.cols / heads};
}

template <class Rows = cuda::ConstRows>
Rows rows_of(const Matrix& m) {
  return {m.tensor.data<bf16>() + m.begin, m.ld()};
}

bool use_cudnn(const cuda::AttentionShape& shape, const Matrix& o, const Matrix& q, const Matrix& k, const Matrix& v) {
  if (q.tensor.dtype() != DType::kBf16) return false;
  return cuda::attention_supported(detail::cuda_context(), shape, {q.ld(), k.ld(), v.ld(), o.ld()}, true).supported;
}

}  // namespace

void detail::run_attention_fwd(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  const cuda::AttentionShape shape = shape_of(lse, q, k);
  if (!use_cudnn(shape, o, q, k, v)) return detail::attention_fwd_tiled(o, lse, q, k, v);
  cuda::attention_fwd(detail::cuda_context(), rows_of<cuda::Rows>(o), lse.data<float>(), rows_of(q), rows_of(k),
                      rows_of(v), shape);
}

void detail::run_attention_bwd(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout,
                               const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  const cuda::AttentionShape shape = shape_of(lse, q, k);
  if (!use_cudnn(shape, o, q, k, v)) return detail::attention_bwd_tiled(dq, dk, dv, dout, o, lse, q, k, v);
  cuda::attention_bwd(detail::cuda_context(), rows_of<cuda::Rows>(dq), rows_of<cuda::Rows>(dk), rows_of<cuda::Rows>(dv),
                      rows_of(dout), rows_of(o), lse.data<float>(), rows_of(q), rows_of(k), rows_of(v), shape);
}

}  // namespace brainmt::dnn
