#include "autograd/ops/attention.hpp"

#include "dnn/gemm.hpp"
#include "kernels/attention.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {

Var attention(Tape& tape, const Var& q, const Var& kv, int heads) {
  const std::int64_t batch = q.shape()[0], width = q.shape()[2];
  Var out = tape.result(Tensor(q.shape(), q.dtype()));
  const Tensor lse({batch, heads, q.shape()[1]}, master_of(q.dtype()));
  const auto samples = static_cast<std::size_t>(batch), head_count = static_cast<std::size_t>(heads);
  dispatch(q.dtype(), [&]<class T>() {
    kernels::attention_fwd<T>(kernels::Exec{}, rows<T>(out.value()), view3<Master<T>>(lse), rows<const T>(q.value()),
                              rows<const T>(kv.value(), 0, width), rows<const T>(kv.value(), width, width), samples,
                              head_count, dnn::small_gemm);
  });
  tape.record({}, [=, q_value = q.value(), kv_value = kv.value(), o = out.value(), dq = q.gradient(),
                   dkv = kv.gradient(), dout = out.gradient()] {
    if (!dout.arrived()) return;
    const Tensor g = dout.take(), gq(q_value.shape(), q_value.dtype()), gkv(kv_value.shape(), kv_value.dtype());
    dispatch(g.dtype(), [&]<class T>() {
      kernels::attention_bwd<T>(kernels::Exec{}, rows<T>(gq), rows<T>(gkv, 0, width), rows<T>(gkv, width, width),
                                rows<const T>(g), rows<const T>(o), view3<const Master<T>>(lse), rows<const T>(q_value),
                                rows<const T>(kv_value, 0, width), rows<const T>(kv_value, width, width), samples,
                                head_count, dnn::small_gemm);
    });
    dq.add(gq);
    dkv.add(gkv);
  });
  return out;
}

}  // namespace brainmt::autograd
