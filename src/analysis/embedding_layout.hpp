#pragma once
// Names and limits shared by the writer and the reader of embedding files.
#include "analysis/embedding_file.hpp"

namespace brainmt::analysis::embedding_layout {

inline constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20;  // of an attribute
inline constexpr std::size_t kMaxArrays = 64;                       // fitted ones

/// SHA-256 over metadata and participants as text.
std::string hash_of(const EmbeddingDescription& description);
/// CRC-32 over the row's floats: its values, then its tokens.
std::uint32_t checksum_of(const EmbeddingRow& row);

}  // namespace brainmt::analysis::embedding_layout
