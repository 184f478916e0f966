// A work item is a row of C values; gradients that many rows share are summed by blocks of rows, then block by block.
#include "kernels/masking.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {
namespace {

constexpr std::size_t kRowBlock = 64;

// sum[c] += row_at(0)[c] + ... + row_at(count - 1)[c], in a fixed order.
template <class T, class RowAt>
void add_rows(const Exec& exec, const char* label, View1<Master<T>> sum, std::size_t count, const RowAt& row_at) {
  using M = Master<T>;
  const std::size_t blocks = (count + kRowBlock - 1) / kRowBlock, cols = sum.extent(0);
  const detail::Scratch<M> scratch(blocks * cols);
  M* partial = scratch.data();
  detail::for_each_row(
      exec, label, blocks, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t block) {
        M* out = partial + block * cols;
        detail::row_for(team, cols, [=](std::size_t c) { out[c] = M(0); });
        for (std::size_t i = block * kRowBlock; i < count && i < (block + 1) * kRowBlock; ++i) {
          const T* row = row_at(i);
          detail::row_for(team, cols, [=](std::size_t c) { out[c] += static_cast<M>(row[c]); });
        }
      });
  detail::for_each(
      exec, label, cols, KOKKOS_LAMBDA(std::size_t c) {
        M total = 0;
        for (std::size_t block = 0; block < blocks; ++block) total += partial[block * cols + c];
        sum(c) += total;
      });
}

KOKKOS_INLINE_FUNCTION std::size_t index_at(const View2<const float>& order, std::size_t i, std::size_t b) {
  return order.extent(0) == 0 ? i : static_cast<std::size_t>(order(i, b));
}

template <class T>
KOKKOS_INLINE_FUNCTION void copy_row(const detail::RowTeam& team, T* to, const T* from, std::size_t cols) {
  detail::row_for(team, cols, [=](std::size_t c) { to[c] = from[c]; });
}

}  // namespace

template <class T>
void keep_tokens_fwd(const Exec& exec, View3<T> out, View3<const T> tokens, View1<const Master<T>> cls,
                     View1<const Master<T>> offset, View2<const float> order) {
  detail::count_traffic("brainmt::token::keep_fwd", out, out);
  const std::size_t length = out.extent(1), cols = out.extent(2);
  detail::for_each_row(
      exec, "brainmt::token::keep_fwd", out.extent(0) * length,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / length, i = row % length;
        T* to = &out(b, i, 0);
        if (i > 0) return copy_row(team, to, &tokens(b, index_at(order, i - 1, b), 0), cols);
        const Master<T>*value = cls.data(), *added = offset.extent(0) > 0 ? offset.data() : nullptr;
        detail::row_for(team, cols, [=](std::size_t c) {
          to[c] = static_cast<T>(added == nullptr ? value[c] : value[c] + added[c]);
        });
      });
}

template <class T>
void keep_tokens_bwd(const Exec& exec, View3<T> dtokens, View1<Master<T>> dcls, View3<const T> dout,
                     View2<const float> restore) {
  detail::count_traffic("brainmt::token::keep_bwd", dtokens, dout);
  const std::size_t tokens = dtokens.extent(1), kept = dout.extent(1) - 1, cols = dout.extent(2);
  detail::for_each_row(
      exec, "brainmt::token::keep_bwd", dtokens.extent(0) * tokens,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / tokens, t = row % tokens, i = index_at(restore, t, b);
        T* to = &dtokens(b, t, 0);
        if (i < kept) return copy_row(team, to, &dout(b, 1 + i, 0), cols);
        detail::row_for(team, cols, [=](std::size_t c) { to[c] = T(0); });
      });
  add_rows<T>(
      exec, "brainmt::token::keep_cls_bwd", dcls, dout.extent(0),
      KOKKOS_LAMBDA(std::size_t b) { return &dout(b, 0, 0); });
}

template <class T>
void restore_tokens_fwd(const Exec& exec, View3<T> out, View3<const T> x, View1<const Master<T>> mask,
                        View2<const float> restore) {
  detail::count_traffic("brainmt::token::restore_fwd", out, x);
  const std::size_t length = out.extent(1), kept = x.extent(1) - 1, cols = out.extent(2);
  detail::for_each_row(
      exec, "brainmt::token::restore_fwd", out.extent(0) * length,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / length, l = row % length, i = l == 0 ? 0 : index_at(restore, l - 1, b);
        T* to = &out(b, l, 0);
        if (l == 0) return copy_row(team, to, &x(b, 0, 0), cols);
        if (i < kept) return copy_row(team, to, &x(b, 1 + i, 0), cols);
        const Master<T>* value = mask.data();
        detail::row_for(team, cols, [=](std::size_t c) { to[c] = static_cast<T>(value[c]); });
      });
}

template <class T>
void restore_tokens_bwd(const Exec& exec, View3<T> dx, View1<Master<T>> dmask, View3<const T> dout,
                        View2<const float> order) {
  detail::count_traffic("brainmt::token::restore_bwd", dx, dout);
  const std::size_t length = dx.extent(1), tokens = dout.extent(1) - 1, cols = dx.extent(2);
  detail::for_each_row(
      exec, "brainmt::token::restore_bwd", dx.extent(0) * length,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / length, i = row % length;
        copy_row(team, &dx(b, i, 0), &dout(b, i == 0 ? 0 : 1 + index_at(order, i - 1, b), 0), cols);
      });
  const std::size_t hidden = tokens + 1 - length;
  add_rows<T>(
      exec, "brainmt::token::restore_mask_bwd", dmask, dout.extent(0) * hidden, KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t b = i / hidden;
        return &dout(b, 1 + index_at(order, length - 1 + i % hidden, b), 0);
      });
}

template <class T>
void add_positions(const Exec& exec, View3<T> y, View3<const T> x, View2<const Master<T>> parcels,
                   View2<const Master<T>> time, std::size_t first) {
  detail::count_traffic("brainmt::token::add_positions", y, x);
  const std::size_t length = x.extent(1), cols = x.extent(2), per_parcel = (length - first) / parcels.extent(0);
  detail::for_each_row(
      exec, "brainmt::token::add_positions", x.extent(0) * length,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / length, l = row % length;
        T* to = &y(b, l, 0);
        const T* from = &x(b, l, 0);
        if (l < first) {
          if (to != from) copy_row(team, to, from, cols);
          return;
        }
        const std::size_t token = l - first;
        const Master<T>* at = &parcels(token / per_parcel, 0);
        const Master<T>* moment = time.extent(0) == 0 ? nullptr : &time(token % per_parcel, 0);
        detail::row_for(team, cols, [=](std::size_t c) {
          const Master<T> sum = static_cast<Master<T>>(from[c]) + at[c];
          to[c] = static_cast<T>(moment == nullptr ? sum : sum + moment[c]);
        });
      });
}

template <class T>
void add_positions_bwd(const Exec& exec, View2<Master<T>> dparcels, View3<const T> dy, std::size_t first) {
  detail::count_traffic("brainmt::token::add_positions_bwd", dy);
  const std::size_t batch = dy.extent(0), cols = dy.extent(2);
  const std::size_t per_parcel = (dy.extent(1) - first) / dparcels.extent(0);
  detail::for_each_row(
      exec, "brainmt::token::add_positions_bwd", dparcels.extent(0),
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t v) {
        Master<T>* out = &dparcels(v, 0);
        detail::row_for(team, cols, [=](std::size_t c) { out[c] = Master<T>(0); });
        for (std::size_t i = 0; i < batch * per_parcel; ++i) {
          const T* row = &dy(i / per_parcel, first + v * per_parcel + i % per_parcel, 0);
          detail::row_for(team, cols, [=](std::size_t c) { out[c] += static_cast<Master<T>>(row[c]); });
        }
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                                      \
  template void keep_tokens_fwd<T>(const Exec&, View3<T>, View3<const T>, View1<const Master<T>>,                   \
                                   View1<const Master<T>>, View2<const float>);                                     \
  template void keep_tokens_bwd<T>(const Exec&, View3<T>, View1<Master<T>>, View3<const T>, View2<const float>);    \
  template void restore_tokens_fwd<T>(const Exec&, View3<T>, View3<const T>, View1<const Master<T>>,                \
                                      View2<const float>);                                                          \
  template void restore_tokens_bwd<T>(const Exec&, View3<T>, View1<Master<T>>, View3<const T>, View2<const float>); \
  template void add_positions<T>(const Exec&, View3<T>, View3<const T>, View2<const Master<T>>,                     \
                                 View2<const Master<T>>, std::size_t);                                              \
  template void add_positions_bwd<T>(const Exec&, View2<Master<T>>, View3<const T>, std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
