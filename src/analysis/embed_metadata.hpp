#pragma once
// Metadata of an embedding file, enough to interpret its rows without other files.
#include "analysis/embed.hpp"

namespace brainmt::analysis {

inline constexpr const char* kEmbeddingStrategy = "rsfmri_brainmt_segments_v1";

/// Metadata, arrays and sizes; without what follows from the participants.
EmbeddingDescription describe_embedding(const EmbedSettings& settings, const models::Model& model,
                                        const io::Cohort& cohort, const std::optional<task::Split>& split);

/// Marks the file as a shard whose first row is row `first` of the whole file; the second removes the mark.
void set_shard(EmbeddingDescription& description, const Shard& shard, std::size_t first);
void clear_shard(EmbeddingDescription& description);

}  // namespace brainmt::analysis
