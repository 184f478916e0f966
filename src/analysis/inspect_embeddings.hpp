#pragma once
#include "analysis/inspection.hpp"

namespace brainmt::analysis {

/// Description of a file of embeddings. With `verify` every row is compared with its checksum. Throws DataError.
Json inspect_embeddings(const std::filesystem::path& path, bool verify);

}  // namespace brainmt::analysis
