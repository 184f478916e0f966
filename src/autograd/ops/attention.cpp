#include "dnn/attention.hpp"

#include "autograd/masked_ops.hpp"
#include "profile/stage_label.hpp"

namespace brainmt::autograd {

Var attention(Tape& tape, const Var& q, const Var& kv, int heads) {
  const profile::StageLabel stage("attention");
  const std::int64_t batch = q.shape()[0], width = q.shape()[2];
  Var out = tape.result(Tensor(q.shape(), q.dtype()));
  const Tensor lse({batch, heads, q.shape()[1]}, master_of(q.dtype()));
  const auto keys = [width](const Tensor& t) { return t.columns(0, width); };
  const auto values = [width](const Tensor& t) { return t.columns(width, width); };
  dnn::attention_fwd(out.value(), lse, q.value(), keys(kv.value()), values(kv.value()));
  tape.record({}, [=, q_value = q.value(), kv_value = kv.value(), o = out.value(), dq = q.gradient(),
                   dkv = kv.gradient(), dout = out.gradient()] {
    if (!dout.arrived()) return;
    const Tensor gq(q_value.shape(), q_value.dtype()), gkv(kv_value.shape(), kv_value.dtype());
    dnn::attention_bwd(gq, keys(gkv), values(gkv), dout.take(), o, lse, q_value, keys(kv_value), values(kv_value));
    dq.add(gq);
    dkv.add(gkv);
  });
  return out;
}

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, int heads) {
  const profile::StageLabel stage("attention");
  Var out = tape.result(Tensor(q.shape(), q.dtype()));
  const Tensor lse({q.shape()[0], heads, q.shape()[1]}, master_of(q.dtype()));
  dnn::attention_fwd(out.value(), lse, q.value(), k.value(), v.value());
  tape.record({}, [=, query = q.value(), key = k.value(), value = v.value(), o = out.value(), dq = q.gradient(),
                   dk = k.gradient(), dv = v.gradient(), dout = out.gradient()] {
    if (!dout.arrived()) return;
    const Tensor gq(query.shape(), query.dtype()), gk(key.shape(), key.dtype()), gv(value.shape(), value.dtype());
    dnn::attention_bwd(gq, gk, gv, dout.take(), o, lse, query, key, value);
    dq.add(gq);
    dk.add(gk);
    dv.add(gv);
  });
  return out;
}

}  // namespace brainmt::autograd
