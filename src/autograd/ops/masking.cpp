#include "kernels/masking.hpp"

#include "autograd/masked_ops.hpp"
#include "kernels/dropout.hpp"
#include "kernels/token_filter.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {

using kernels::Exec;

namespace {

template <class T>
kernels::View1<T> maybe1(const Tensor& t) {
  return t ? view1<T>(t) : kernels::View1<T>{};
}
template <class T>
kernels::View2<T> maybe2(const Tensor& t) {
  return t ? view2<T>(t) : kernels::View2<T>{};
}

}  // namespace

Var token_filter(Tape& tape, const Var& x, Parameter& weight) {
  const profile::StageLabel stage("attention");
  const std::int64_t heads = weight.shape[0], taps = weight.shape.count() / heads;
  const auto batch = static_cast<std::size_t>(x.shape()[0]);
  const auto filters = [heads, taps](const Tensor& t) { return t.reshape({heads, taps}); };
  Var y = tape.result(Tensor(x.shape(), x.dtype()));
  dispatch(x.dtype(), [&]<class T>() {
    kernels::token_filter_fwd<T>(Exec{}, rows<T>(y.value()), rows<const T>(x.value()),
                                 view2<const Master<T>>(filters(weight.value)), batch);
  });
  tape.record({&weight}, [=, kept = x.kept(), dx = x.gradient(), dy = y.gradient(), &weight] {
    if (!dy.arrived()) return;
    const Tensor input = kept->take(), g = dy.take();
    const Tensor din(input.shape(), input.dtype());
    dispatch(g.dtype(), [&]<class T>() {
      using M = Master<T>;
      kernels::token_filter_bwd_weights<T>(Exec{}, view2<M>(filters(weight.grad)), rows<const T>(g),
                                           rows<const T>(input), batch);
      if (dx.wanted())
        kernels::token_filter_bwd_data<T>(Exec{}, rows<T>(din), rows<const T>(g), view2<const M>(filters(weight.value)),
                                          batch);
    });
    dx.add(din);
  });
  return y;
}

Var keep_tokens(Tape& tape, const Var& tokens, Parameter& cls, const Tensor& offset, const Tensor& order,
                const Tensor& restore, std::int64_t kept) {
  const profile::StageLabel stage("tokens");
  const Shape s = tokens.shape();
  BRAINMT_CHECK(s.rank() == 3 && kept <= s[1] && (order || kept == s[1]), "{} kept of {}", kept, s.str());
  Var out = tape.result(Tensor({s[0], 1 + kept, s[2]}, tokens.dtype()));
  dispatch(tokens.dtype(), [&]<class T>() {
    using M = Master<T>;
    kernels::keep_tokens_fwd<T>(Exec{}, view3<T>(out.value()), view3<const T>(tokens.value()),
                                view1<const M>(cls.value), maybe1<const M>(offset), maybe2<const float>(order));
  });
  tape.record({&cls}, [=, dtokens = tokens.gradient(), dout = out.gradient(), &cls] {
    if (!dout.arrived()) return;
    const Tensor g = dout.take();
    const Tensor all(s, g.dtype());
    dispatch(g.dtype(), [&]<class T>() {
      kernels::keep_tokens_bwd<T>(Exec{}, view3<T>(all), view1<Master<T>>(cls.grad), view3<const T>(g),
                                  maybe2<const float>(restore));
    });
    dtokens.add(all);
  });
  return out;
}

Var restore_tokens(Tape& tape, const Var& x, Parameter& mask, const Tensor& order, const Tensor& restore) {
  const profile::StageLabel stage("tokens");
  const Shape s = x.shape();
  const std::int64_t tokens = restore ? restore.shape()[0] : s[1] - 1;
  Var out = tape.result(Tensor({s[0], 1 + tokens, s[2]}, x.dtype()));
  dispatch(x.dtype(), [&]<class T>() {
    kernels::restore_tokens_fwd<T>(Exec{}, view3<T>(out.value()), view3<const T>(x.value()),
                                   view1<const Master<T>>(mask.value), maybe2<const float>(restore));
  });
  tape.record({&mask}, [=, dx = x.gradient(), dout = out.gradient(), &mask] {
    if (!dout.arrived()) return;
    const Tensor g = dout.take(), din(s, g.dtype());
    dispatch(g.dtype(), [&]<class T>() {
      kernels::restore_tokens_bwd<T>(Exec{}, view3<T>(din), view1<Master<T>>(mask.grad), view3<const T>(g),
                                     maybe2<const float>(order));
    });
    dx.add(din);
  });
  return out;
}

Var drop_class_row(Tape& tape, const Var& x) {
  const profile::StageLabel stage("tokens");
  const Shape s = x.shape();
  const auto tokens_of = [s](const Tensor& t, std::int64_t b) {
    return t.slice(b, b + 1).reshape({s[1], s[2]}).slice(1, s[1]);
  };
  Var y = tape.result(Tensor({s[0], s[1] - 1, s[2]}, x.dtype()));
  for (std::int64_t b = 0; b < s[0]; ++b) y.value().slice(b, b + 1).copy_from(tokens_of(x.value(), b));
  tape.record({}, [=, shape = y.shape(), dx = x.gradient(), dy = y.gradient()] {
    if (!dx.wanted() || !dy.arrived()) return;
    const Tensor g = dy.take().reshape(shape), all = Tensor::zeros(s, g.dtype());
    for (std::int64_t b = 0; b < s[0]; ++b) tokens_of(all, b).copy_from(g.slice(b, b + 1));
    dx.add(all);
  });
  return y;
}

Var add_positions(Tape& tape, const Var& x, const Var& parcels, const Tensor& time, std::int64_t first) {
  const profile::StageLabel stage("tokens");
  const Shape s = x.shape();
  const auto skipped = static_cast<std::size_t>(first);
  BRAINMT_CHECK(s[1] - first == parcels.shape()[0] * (time ? time.shape()[0] : 1), "{} and {} parcels", s.str(),
                parcels.shape().str());
  Var y = tape.result(Tensor(s, x.dtype()));
  dispatch(x.dtype(), [&]<class T>() {
    using M = Master<T>;
    kernels::add_positions<T>(Exec{}, view3<T>(y.value()), view3<const T>(x.value()), view2<const M>(parcels.value()),
                              maybe2<const M>(time), skipped);
  });
  tape.record({}, [=, shape = parcels.shape(), dx = x.gradient(), dparcels = parcels.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take();
    if (dparcels.wanted()) {
      const Tensor sums(shape, master_of(g.dtype()));
      dispatch(g.dtype(), [&]<class T>() {
        kernels::add_positions_bwd<T>(Exec{}, view2<Master<T>>(sums), view3<const T>(g.reshape(s)), skipped);
      });
      dparcels.add(sums);
    }
    dx.add(g);
  });
  return y;
}

Var dropout(Tape& tape, const Var& x, const Tensor& keys, std::uint32_t stream, double rate) {
  if (!keys || rate == 0.0) return x;
  const Shape flat{x.shape()[0], x.shape().count() / x.shape()[0]};
  const auto apply = [flat, keys, stream, rate](const Tensor& to, const Tensor& from) {
    dispatch(from.dtype(), [&]<class T>() {
      kernels::dropout<T>(Exec{}, view2<T>(to.reshape(flat)), view2<const T>(from.reshape(flat)),
                          view2<const float>(keys), stream, rate);
    });
  };
  Var y = tape.result(Tensor(x.shape(), x.dtype()));
  apply(y.value(), x.value());
  tape.record({}, [apply, dx = x.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take();  // ours alone, so it becomes dx in place
    apply(g, g);
    dx.add(g);
  });
  return y;
}

}  // namespace brainmt::autograd
