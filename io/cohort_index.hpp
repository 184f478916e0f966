#pragma once
// Index of a sharded cohort: a small HDF5 file beside the store files with their names, sizes and hashes; no data is
// copied. Layout: docs/cohort-format.md.
#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/cohort_file.hpp"

namespace brainmt::io {

namespace cohort_index {
inline constexpr const char* kFormat = "brainmt-cohort-index";
inline constexpr std::uint32_t kVersion = 1;
}  // namespace cohort_index

/// Writes the index of `shards`, in any order, to `target` in the same folder; the bytes do not depend on the order.
/// Not collective. Throws UsageError when a shard lies elsewhere or none is given, DataError naming both files when two
/// differ in grid, affine, normalization, layout, processing or phenotype columns, or share a scan (participant and
/// source), OutputError when it cannot be written.
void write_cohort_index(const std::filesystem::path& target, const std::vector<std::filesystem::path>& shards);

/// True when the HDF5 file says that it is an index.
bool is_cohort_index(const Hdf5Reader& file);

/// The shards of an index, in its order, opened and compared with what the index says about them. Throws DataError that
/// names index and shard when one is missing, changed, elsewhere, or does not fit the others.
std::vector<CohortFile> read_shards(const Hdf5Reader& file, const std::filesystem::path& index);

}  // namespace brainmt::io
