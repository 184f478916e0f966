#pragma once
// Parses the header of a gzip member (RFC 1952).
#include <cstdint>
#include <optional>
#include <string>

#include "io/byte_source.hpp"

namespace brainmt::io {

struct GzipHeader {
  std::uint64_t bytes = 0;  // of the header
  std::string damage;       // empty, or why there is no stream behind it
};

/// Of the gzip member that starts at byte `first` of a file. Names and comments may be of any length and are skipped in
/// small steps. No value: the file ends within the header. Throws DataError when the file cannot be read.
std::optional<GzipHeader> read_gzip_header(ByteSource& file, std::uint64_t first);

}  // namespace brainmt::io
