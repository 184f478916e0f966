#include "models/pooling.hpp"

#include "kernels/elementwise.hpp"
#include "kernels/tokens.hpp"
#include "nn/init.hpp"
#include "tensor/views.hpp"

namespace brainmt::models {

using autograd::Tape;
using autograd::Var;

namespace {

// Runs `compute` for the master type.
template <class Compute>
void for_type(DType dtype, const Compute& compute) {
  if (dtype == DType::kF64)
    compute.template operator()<double>();
  else
    compute.template operator()<float>();
}

}  // namespace

Tensor mean_over_tokens(const Tensor& h) {
  const Tensor rows = h.to(master_of(h.dtype())), mean({h.shape()[0], h.shape()[2]}, rows.dtype());
  for_type(rows.dtype(),
           [&]<class M>() { kernels::mean_tokens<M>(kernels::Exec{}, view2<M>(mean), view3<const M>(rows)); });
  return mean;
}

Tensor mean_over_tokens(const Tensor& h, const std::vector<std::int64_t>& tokens) {
  const Tensor rows = h.to(master_of(h.dtype())), mean = Tensor::zeros({h.shape()[0], h.shape()[2]}, rows.dtype());
  for (std::int64_t b = 0; b < h.shape()[0]; ++b) {
    const Tensor sample = rows.slice(b, b + 1).reshape({h.shape()[1], h.shape()[2]}), sum = mean.slice(b, b + 1);
    for (const std::int64_t token : tokens)
      for_type(rows.dtype(), [&]<class M>() {
        kernels::axpby<M>(kernels::Exec{}, view1<M>(sum), M(1) / static_cast<M>(tokens.size()),
                          view1<const M>(sample.slice(1 + token, 2 + token)), M(1));
      });
  }
  return mean;
}

Var in_master(const Var& x) {
  const DType master = master_of(x.dtype());
  return x.dtype() == master ? x : Var(x.value().to(master));
}

Tensor draws_of(const Model& model, const Pass& pass, std::int64_t batch) {
  if (pass.draws) return pass.draws;
  if (!pass.training && (pass.want & kReconstruction) == 0) return {};
  BRAINMT_CHECK(std::ssize(pass.samples) == batch, "{} numbers of {} samples", pass.samples.size(), batch);
  const std::vector<float> drawn = model.draws(pass);
  if (drawn.empty()) return {};
  return Tensor::from_host(drawn, {std::ssize(drawn) / batch, batch}, DType::kF32);
}

MlpHead::MlpHead(const nn::Scope& s, std::int64_t width, std::int64_t outputs)
    : lin1(s.in("mlp_pred_head.lin1"), width, width / 2, true, nn::init::normal(0.02)),
      lin2(s.in("mlp_pred_head.lin2"), width / 2, width / 2, true, nn::init::normal(0.02)),
      lin3(s.in("mlp_pred_head.lin3"), width / 2, outputs, true, nn::init::normal(0.02)) {}

Var MlpHead::operator()(Tape& tape, const Var& x) const {
  Var h = autograd::activation(tape, lin1(tape, x), kernels::Activation::kRelu);
  h = autograd::activation(tape, lin2(tape, h), kernels::Activation::kRelu);
  return autograd::linear(tape, h, lin3.affine, master_of(x.dtype()));
}

}  // namespace brainmt::models
