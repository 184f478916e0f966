#pragma once
// Splits attention's backward pass into pieces to bound memory. On Hopper cuDNN's deterministic variant holds queries x
// keys x 2 bytes per (sample, head): 10 GB for two heads of 50,401 tokens. Heads and blocks of queries are independent
// except for the sums over queries in dk and dv, so they can run one after another.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cuda/attention.hpp"

namespace brainmt::cuda::detail {

/// Queries [first_query, first_query + shape.queries) of one head of one sample, or everything.
struct AttentionPiece {
  AttentionShape shape;
  std::int64_t sample = 0, head = 0, first_query = 0;
};

/// The pieces of one head of one sample of `shape`, in order: as few as the limits allow, of equal size but for the
/// last. Blocks are whole tiles of 128 queries, which the kernels compute at once.
inline std::vector<AttentionPiece> query_blocks(const AttentionShape& shape, std::int64_t sample, std::int64_t head,
                                                const AttentionLimits& limits) {
  constexpr std::int64_t kTile = 128;
  const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const std::int64_t max_queries = std::max(limits.max_bytes / (2 * shape.keys), limits.min_queries);
  const std::int64_t rows = up(up(shape.queries, up(shape.queries, max_queries)), kTile) * kTile;
  std::vector<AttentionPiece> pieces;
  for (std::int64_t first = 0; first < shape.queries; first += rows)
    pieces.push_back({{1, 1, std::min(rows, shape.queries - first), shape.keys, shape.dim}, sample, head, first});
  return pieces;
}

/// Whether all of `shape` at once would keep more than the limit.
inline bool keeps_much(const AttentionShape& shape, const AttentionLimits& limits) {
  return 2.0 * static_cast<double>(shape.batch * shape.heads * shape.queries) * static_cast<double>(shape.keys) >
         static_cast<double>(limits.max_bytes);
}

}  // namespace brainmt::cuda::detail
