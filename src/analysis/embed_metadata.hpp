#pragma once
// What is recorded with embeddings, so that a file alone says what its rows are.
#include "analysis/embed.hpp"

namespace brainmt::analysis {

inline constexpr const char* kEmbeddingStrategy = "rsfmri_brainmt_segments_v1";

/// Metadata, arrays and sizes; without what follows from the participants.
EmbeddingDescription describe_embedding(const EmbedSettings& settings, const models::Model& model,
                                        const io::Cohort& cohort, const std::optional<task::Split>& split);

/// Records that the file is one shard, whose first row is row `first` of the whole file; and takes that back.
void set_shard(EmbeddingDescription& description, const Shard& shard, std::size_t first);
void clear_shard(EmbeddingDescription& description);

}  // namespace brainmt::analysis
