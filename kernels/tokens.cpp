// Token assembly: every work item copies or sums whole rows of C elements.
#include "kernels/tokens.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class T>
void token_scatter(const Exec& exec, View3<Master<T>> tokens, View4<const T> features, View2<const Master<T>> position,
                   View2<const Master<T>> temporal, std::size_t first_frame) {
  using M = Master<T>;
  // Of the tokens, those of these frames.
  profile::count("brainmt::token::scatter", {.bytes = static_cast<double>(features.size()) * (sizeof(T) + sizeof(M))});
  const std::size_t chunk = features.extent(1), patches = features.extent(2), width = features.extent(3);
  const std::size_t frames = temporal.extent(0);
  // Frames fastest, as in the sequence: the writes of one patch are contiguous.
  detail::for_each_row(
      exec, "brainmt::token::scatter", features.extent(0) * patches * chunk,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / (patches * chunk), p = row / chunk % patches, t = row % chunk;
        M* token = &tokens(b, 1 + p * frames + first_frame + t, 0);
        const T* feature = &features(b, t, p, 0);
        const M *patch = &position(1 + p, 0), *frame = &temporal(first_frame + t, 0);
        detail::row_for(team, width,
                        [=](std::size_t c) { token[c] = static_cast<M>(feature[c]) + patch[c] + frame[c]; });
      });
}

template <class M>
void cls_scatter(const Exec& exec, View3<M> tokens, View1<const M> cls, View2<const M> position) {
  detail::for_each_row(
      exec, "brainmt::token::cls", tokens.extent(0), KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t b) {
        M* token = &tokens(b, 0, 0);
        const M *first = cls.data(), *patch = position.data();
        detail::row_for(team, cls.extent(0), [=](std::size_t c) { token[c] = first[c] + patch[c]; });
      });
}

template <class T>
void token_gather(const Exec& exec, View4<T> dfeatures, View3<const Master<T>> dtokens, std::size_t frames,
                  std::size_t first_frame) {
  profile::count("brainmt::token::gather",
                 {.bytes = static_cast<double>(dfeatures.size()) * (sizeof(T) + sizeof(Master<T>))});
  const std::size_t chunk = dfeatures.extent(1), patches = dfeatures.extent(2), width = dfeatures.extent(3);
  detail::for_each_row(
      exec, "brainmt::token::gather", dfeatures.extent(0) * patches * chunk,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / (patches * chunk), p = row / chunk % patches, t = row % chunk;
        T* feature = &dfeatures(b, t, p, 0);
        const Master<T>* token = &dtokens(b, 1 + p * frames + first_frame + t, 0);
        detail::row_for(team, width, [=](std::size_t c) { feature[c] = static_cast<T>(token[c]); });
      });
}

namespace {

// sum[c] += dtokens[b, first + i * step, c] over all samples b and i < count, in that order.
template <class M>
KOKKOS_INLINE_FUNCTION void add_tokens(const detail::RowTeam& team, M* sum, const View3<const M>& dtokens,
                                       std::size_t first, std::size_t step, std::size_t count) {
  for (std::size_t b = 0; b < dtokens.extent(0); ++b)
    for (std::size_t i = 0; i < count; ++i) {
      const M* token = &dtokens(b, first + i * step, 0);
      detail::row_for(team, dtokens.extent(2), [=](std::size_t c) { sum[c] += token[c]; });
    }
}

}  // namespace

template <class M>
void token_parameter_grads(const Exec& exec, View1<M> dcls, View2<M> dposition, View2<M> dtemporal,
                           View3<const M> dtokens) {
  detail::count_traffic("brainmt::token::position_grad", dtokens, dtokens);  // for patches, and again for frames
  const std::size_t frames = dtemporal.extent(0), patches = dposition.extent(0) - 1;
  detail::for_each_row(
      exec, "brainmt::token::position_grad", 1 + patches, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        if (row == 0) {
          add_tokens(team, dcls.data(), dtokens, 0, 0, 1);
          add_tokens(team, dposition.data(), dtokens, 0, 0, 1);
        } else {
          add_tokens(team, &dposition(row, 0), dtokens, 1 + (row - 1) * frames, 1, frames);
        }
      });
  detail::for_each_row(
      exec, "brainmt::token::temporal_grad", frames, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t t) {
        add_tokens(team, &dtemporal(t, 0), dtokens, 1 + t, frames, patches);
      });
}

namespace {

// out[b * groups + g, :] = mean over i < count of h[b, 1 + g + i * groups, :]: every `groups`-th token after CLS. Sums
// in double: a sequence has tens of thousands of tokens.
template <class M>
void mean_of_tokens(const Exec& exec, const char* label, M* out, const View3<const M>& h, std::size_t groups) {
  detail::count_traffic(label, h);
  const std::size_t width = h.extent(2), count = (h.extent(1) - 1) / groups;
  const detail::Scratch<double> scratch(h.extent(0) * groups * width);
  const View2<double> sums = scratch.matrix(h.extent(0) * groups);
  detail::for_each_row(
      exec, label, h.extent(0) * groups, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        double* sum = &sums(row, 0);
        detail::row_for(team, width, [=](std::size_t c) { sum[c] = 0; });
        for (std::size_t i = 0; i < count; ++i) {
          const M* token = &h(row / groups, 1 + row % groups + i * groups, 0);
          detail::row_for(team, width, [=](std::size_t c) { sum[c] += token[c]; });
        }
        M* mean = out + row * width;
        detail::row_for(team, width,
                        [=](std::size_t c) { mean[c] = static_cast<M>(sum[c] / static_cast<double>(count)); });
      });
}

}  // namespace

template <class M>
void mean_tokens(const Exec& exec, View2<M> out, View3<const M> h) {
  mean_of_tokens<M>(exec, "brainmt::token::mean", out.data(), h, 1);
}

template <class M>
void mean_frame_tokens(const Exec& exec, View3<M> out, View3<const M> h) {
  mean_of_tokens<M>(exec, "brainmt::token::frame_mean", out.data(), h, out.extent(1));
}

#define BRAINMT_INSTANTIATE(T)                                                                          \
  template void token_scatter<T>(const Exec&, View3<Master<T>>, View4<const T>, View2<const Master<T>>, \
                                 View2<const Master<T>>, std::size_t);                                  \
  template void token_gather<T>(const Exec&, View4<T>, View3<const Master<T>>, std::size_t, std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

#define BRAINMT_INSTANTIATE(M)                                                                       \
  template void cls_scatter<M>(const Exec&, View3<M>, View1<const M>, View2<const M>);               \
  template void token_parameter_grads<M>(const Exec&, View1<M>, View2<M>, View2<M>, View3<const M>); \
  template void mean_tokens<M>(const Exec&, View2<M>, View3<const M>);                               \
  template void mean_frame_tokens<M>(const Exec&, View3<M>, View3<const M>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
