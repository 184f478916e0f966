#pragma once
// Sums over the rows of a matrix, column by column, in an order fixed by the shape: rows are cut in blocks, each block
// writes its own partial sums, and the partials are added block after block. Blocks also bound the rounding error: no
// float accumulator takes more than rows-per-block + blocks terms.
#include <algorithm>

#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"

namespace brainmt::kernels::detail {

struct RowBlocks {
  static constexpr std::size_t kMinimumRows = 64;     // below that, writing the partials costs more than the rows
  static constexpr std::size_t kPartials = 1u << 18;  // elements of all partials: 1 MiB in float

  std::size_t rows, per_block, count;

  RowBlocks(std::size_t row_count, std::size_t cols) : rows(row_count) {
    const std::size_t max_blocks = std::max<std::size_t>(1, kPartials / std::max<std::size_t>(1, cols));
    per_block = std::max({kMinimumRows, (rows + max_blocks - 1) / max_blocks});
    count = (rows + per_block - 1) / per_block;
  }
  KOKKOS_INLINE_FUNCTION std::size_t begin(std::size_t block) const { return block * per_block; }
  KOKKOS_INLINE_FUNCTION std::size_t end(std::size_t block) const {
    return begin(block) + per_block < rows ? begin(block) + per_block : rows;
  }
};

/// Partial sums [blocks, cols]; the kernel that fills them writes every element.
template <class M>
Scratch<M> make_partials(const RowBlocks& blocks, std::size_t cols) {
  return Scratch<M>(blocks.count * cols);
}

/// out[c] += sum over blocks of partials[block, first + c].
template <class M>
void add_partials(const Exec& exec, const std::string& label, View1<M> out, View2<const M> partials,
                  std::size_t first) {
  constexpr std::size_t kColumns = 64;  // of one work item
  const std::size_t cols = out.extent(0), blocks = partials.extent(0);
  for_each_row(
      exec, label, (cols + kColumns - 1) / kColumns, KOKKOS_LAMBDA(const RowTeam& team, std::size_t chunk) {
        const std::size_t begin = chunk * kColumns, count = cols - begin < kColumns ? cols - begin : kColumns;
        M* sum = out.data() + begin;
        for (std::size_t block = 0; block < blocks; ++block) {
          const M* partial = &partials(block, first + begin);
          row_for(team, count, [=](std::size_t c) { sum[c] += partial[c]; });
        }
      });
}

}  // namespace brainmt::kernels::detail
