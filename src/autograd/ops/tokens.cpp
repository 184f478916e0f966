#include "kernels/tokens.hpp"

#include "autograd/ops.hpp"
#include "kernels/elementwise.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {
namespace {

using kernels::Exec;

// [Tc, ...patches..., C] as [1, Tc, P, C].
template <class T>
kernels::View4<T> as_one_sample(const Tensor& features) {
  const std::int64_t frames = features.shape()[0], width = features.cols();
  return view4<T>(features.reshape({1, frames, features.count() / (frames * width), width}));
}

}  // namespace

Var slice_frames(Tape& tape, const Var& x, std::int64_t sample, std::int64_t begin, std::int64_t end) {
  const Shape& s = x.shape();
  const auto frames_of = [=](const Tensor& t) {
    return t.slice(sample, sample + 1).reshape({s[1], s[2], s[3], s[4], 1}).slice(begin, end);
  };
  Var y(frames_of(x.value()), x.gradient().wanted() && tape.recording());
  tape.record({}, [frames_of, shape = s, dx = x.gradient(), dy = y.gradient()] {
    if (!dx.wanted() || !dy.arrived()) return;
    const Tensor g = dy.take();
    bool fresh = true;
    const Tensor all = dx.buffer(shape, g.dtype(), fresh);
    if (fresh) all.zero();
    frames_of(all).copy_from(g);  // every frame belongs to one slice
  });
  return y;
}

Var assemble_tokens(Tape& tape, const std::vector<FrameFeatures>& chunks, Parameter& cls, Parameter& position,
                    Parameter& temporal, std::int64_t batch) {
  const profile::StageLabel stage("tokens");
  const std::int64_t frames = temporal.shape[1], width = cls.shape[2], length = 1 + (position.shape[1] - 1) * frames;
  Var tokens = tape.result(Tensor({batch, length, width}, cls.value.dtype()));
  const DType dtype = chunks.front().features.dtype();
  dispatch(dtype, [&]<class T>() {
    using M = Master<T>;
    kernels::cls_scatter<M>(Exec{}, view3<M>(tokens.value()), view1<const M>(cls.value),
                            view2<const M>(position.value));
    for (const FrameFeatures& c : chunks)
      kernels::token_scatter<T>(Exec{}, view3<M>(tokens.value().slice(c.sample, c.sample + 1)),
                                as_one_sample<const T>(c.features.value()), view2<const M>(position.value),
                                view2<const M>(temporal.value), static_cast<std::size_t>(c.first_frame));
  });

  struct ChunkGradient {
    Gradient gradient;
    Shape shape;
    std::int64_t sample, first_frame;
  };
  std::vector<ChunkGradient> targets;
  for (const FrameFeatures& c : chunks)
    targets.push_back({c.features.gradient(), c.features.shape(), c.sample, c.first_frame});
  tape.record({&cls, &position, &temporal}, [=, dtokens = tokens.gradient(), &cls, &position, &temporal] {
    if (!dtokens.arrived()) return;
    const Tensor g = dtokens.take();
    dispatch(dtype, [&]<class T>() {
      using M = Master<T>;
      kernels::token_parameter_grads<M>(Exec{}, view1<M>(cls.grad), view2<M>(position.grad), view2<M>(temporal.grad),
                                        view3<const M>(g));
      for (const ChunkGradient& c : targets) {
        const Tensor df(c.shape, dtype);
        kernels::token_gather<T>(Exec{}, as_one_sample<T>(df), view3<const M>(g.slice(c.sample, c.sample + 1)),
                                 static_cast<std::size_t>(frames), static_cast<std::size_t>(c.first_frame));
        c.gradient.add(df);
      }
    });
  });
  return tokens;
}

Var cls_row(Tape& tape, const Var& tokens) {
  const profile::StageLabel stage("tokens");
  const Shape s = tokens.shape();
  Var row = tape.result(Tensor({s[0], 1, s[2]}, tokens.dtype()));
  for (std::int64_t b = 0; b < s[0]; ++b)
    row.value().slice(b, b + 1).copy_from(tokens.value().slice(b, b + 1).reshape({s[1], s[2]}).slice(0, 1));
  tape.record({}, [s, dtokens = tokens.gradient(), drow = row.gradient()] {
    if (!dtokens.wanted() || !drow.arrived()) return;
    const Tensor g = drow.take();
    bool fresh = true;
    const Tensor all = dtokens.buffer(s, g.dtype(), fresh);
    if (fresh) all.zero();
    for (std::int64_t b = 0; b < s[0]; ++b) {
      const Tensor target = all.slice(b, b + 1).reshape({s[1], s[2]}).slice(0, 1);
      dispatch(g.dtype(), [&]<class T>() {
        kernels::axpby<T>(Exec{}, view1<T>(target), 1, view1<const T>(g.slice(b, b + 1)), 1);
      });
    }
  });
  return row;
}

}  // namespace brainmt::autograd
