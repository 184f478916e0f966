#include "nn/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/adamw.hpp"
#include "kernels/reduce.hpp"
#include "profile/region.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::nn {
namespace {

// Calls f with the C++ type of parameters and gradients: they are never bf16.
template <class F>
auto dispatch_master(DType master, F&& f) {
  return master == DType::kF64 ? f.template operator()<double>() : f.template operator()<float>();
}

}  // namespace

AdamWSettings AdamWSettings::from_config(const config::Config& config) {
  const auto betas = config.get<std::vector<double>>("optimizer.betas");
  return {.beta1 = betas[0],
          .beta2 = betas[1],
          .eps = config.get<double>("optimizer.eps"),
          .weight_decay = config.get<double>("optimizer.weight_decay"),
          .layer_decay = config.get<double>("optimizer.layer_decay"),
          .clip_norm = config.get<double>("optimizer.clip_norm")};
}

AdamW::AdamW(nn::ParameterStore& store, const AdamWSettings& settings) : store_(store), settings_(settings) {
  const profile::StageLabel stage("optimiser state");
  m_ = Tensor::zeros(store.values().shape(), store.master_dtype());
  v_ = Tensor::zeros(store.values().shape(), store.master_dtype());
  int last_layer = 0;
  for (const nn::Parameter& p : store_.all()) last_layer = std::max(last_layer, p.layer);
  for (const nn::Parameter& p : store_.all())
    lr_scale_.push_back(std::pow(settings_.layer_decay, last_layer - p.layer));
}

Tensor AdamW::part_of(const Tensor& flat, const nn::Parameter& p) {
  const auto begin = static_cast<std::int64_t>(p.offset);
  return flat.slice(begin, begin + static_cast<std::int64_t>(p.count));
}

void AdamW::drop_frozen_gradients() const {
  for (const nn::Parameter& p : store_.all())
    if (p.frozen) p.grad.zero();
}

double AdamW::gradient_norm() const {
  const profile::Region region("brainmt::optimizer::norm");
  const kernels::Exec exec;
  return std::sqrt(dispatch_master(store_.master_dtype(), [&]<class M>() {
    return kernels::sum_of_squares<M>(exec, view1<const M>(store_.grads()));
  }));
}

void AdamW::step(double lr, double norm) {
  const profile::Region region("brainmt::optimizer::step");
  const kernels::Exec exec;
  const bool clip = settings_.clip_norm > 0.0 && norm > settings_.clip_norm;
  kernels::AdamWStep update{.lr = lr,
                            .beta1 = settings_.beta1,
                            .beta2 = settings_.beta2,
                            .eps = settings_.eps,
                            .weight_decay = 0.0,
                            .step = ++updates_,
                            .gradient_scale = clip ? settings_.clip_norm / norm : 1.0};
  for (const nn::Parameter& p : store_.all()) {
    if (p.frozen) continue;
    update.lr = lr * lr_scale_[p.index];
    update.weight_decay = p.decay ? settings_.weight_decay : 0.0;
    dispatch_master(store_.master_dtype(), [&]<class M>() {
      kernels::adamw<M>(exec, view1<M>(p.value), view1<M>(first_moment(p)), view1<M>(second_moment(p)),
                        view1<const M>(p.grad), update);
    });
  }
  store_.refresh_compute();
}

}  // namespace brainmt::nn
