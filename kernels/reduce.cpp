// Fixed-order reductions. Scalars are summed in blocks of kReduceBlock, columns in the blocks of detail/row_blocks.hpp.
#include "kernels/reduce.hpp"

#include <type_traits>

#include "base/capture.hpp"
#include "kernels/detail/row_blocks.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {
namespace {

// Sums f(i), i < count, block by block on the execution space, then the block sums in a binary tree on the host. f
// returns S; the result is on the host, so this waits for the kernel.
template <class S, class F>
S blocked_sum(const Exec& exec, const std::string& label, std::size_t count, const F& f) {
  refuse_while_capturing("a sum that the host reads");
  const std::size_t blocks = (count + kReduceBlock - 1) / kReduceBlock;
  if (blocks == 0) return S(0);
  const detail::Scratch<S> scratch(blocks);
  const View1<S> partials = scratch.flat();
  detail::for_each_row(
      exec, label, blocks, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t block) {
        const std::size_t begin = block * kReduceBlock, left = count - begin;
        partials(block) = detail::row_sum<S>(team, left < kReduceBlock ? left : kReduceBlock,
                                             [=](std::size_t i) { return f(begin + i); });
      });
  exec.fence();
  const auto tree = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), partials);
  for (std::size_t step = 1; step < blocks; step *= 2)
    for (std::size_t i = 0; i + step < blocks; i += 2 * step) tree(i) += tree(i + step);
  return tree(0);
}

}  // namespace

template <class M>
double sum(const Exec& exec, View1<const M> x) {
  detail::count_traffic("brainmt::reduce::sum", x);
  const M* data = x.data();
  return blocked_sum<double>(
      exec, "brainmt::reduce::sum", x.extent(0), KOKKOS_LAMBDA(std::size_t i) { return static_cast<double>(data[i]); });
}

template <class M>
double sum_of_squares(const Exec& exec, View1<const M> x) {
  detail::count_traffic("brainmt::reduce::sum_of_squares", x);
  const M* data = x.data();
  return blocked_sum<double>(
      exec, "brainmt::reduce::sum_of_squares", x.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        const double value = data[i];
        return value * value;
      });
}

template <class M>
bool all_finite(const Exec& exec, View1<const M> x) {
  detail::count_traffic("brainmt::reduce::all_finite", x);
  const M* data = x.data();
  // x - x is 0 for a finite x and NaN otherwise, and NaN survives the sum.
  return blocked_sum<M>(
             exec, "brainmt::reduce::all_finite", x.extent(0),
             KOKKOS_LAMBDA(std::size_t i) { return data[i] - data[i]; }) == M(0);
}

template <class M>
std::uint64_t bit_hash(const Exec& exec, View1<const M> x) {
  using Bits = std::conditional_t<sizeof(M) == 8, std::uint64_t, std::uint32_t>;
  detail::count_traffic("brainmt::reduce::bit_hash", x);
  const M* data = x.data();
  // A sum of terms that are one-to-one in the element's bits: no order matters, and one other element is one other sum.
  return blocked_sum<std::uint64_t>(
      exec, "brainmt::reduce::bit_hash", x.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        std::uint64_t h = __builtin_bit_cast(Bits, data[i]) + 0x9e3779b97f4a7c15u * (i + 1);
        h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
        h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
        return h ^ (h >> 31);
      });
}

template <class T>
void column_sum(const Exec& exec, View1<Master<T>> out, MatrixView<const T> x) {
  detail::count_traffic("brainmt::reduce::column_sum", x);
  using M = Master<T>;
  const std::size_t cols = x.cols;
  const detail::RowBlocks blocks(x.rows, cols);
  const auto scratch = detail::make_partials<M>(blocks, cols);
  const View2<M> partials = scratch.matrix(blocks.count);
  detail::for_each_row(
      exec, "brainmt::reduce::column_sum", blocks.count, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t block) {
        M* partial = &partials(block, 0);
        detail::row_for(team, cols, [=](std::size_t c) { partial[c] = 0; });
        for (std::size_t r = blocks.begin(block); r < blocks.end(block); ++r) {
          const T* row = &x(r, 0);
          detail::row_for(team, cols, [=](std::size_t c) { partial[c] += static_cast<M>(row[c]); });
        }
      });
  detail::add_partials<M>(exec, "brainmt::reduce::column_sum", out, partials, 0);
}

#define BRAINMT_INSTANTIATE(M)                                    \
  template double sum<M>(const Exec&, View1<const M>);            \
  template double sum_of_squares<M>(const Exec&, View1<const M>); \
  template bool all_finite<M>(const Exec&, View1<const M>);       \
  template std::uint64_t bit_hash<M>(const Exec&, View1<const M>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

template void column_sum<float>(const Exec&, View1<float>, MatrixView<const float>);
template void column_sum<bf16>(const Exec&, View1<float>, MatrixView<const bf16>);
template void column_sum<double>(const Exec&, View1<double>, MatrixView<const double>);

}  // namespace brainmt::kernels
