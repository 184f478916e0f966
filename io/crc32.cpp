// Apart from SHA-256, so that the parsers can be linked without libcrypto.
#ifdef BRAINMT_HAVE_ISAL
#include <isa-l/crc.h>
#else
#include <zlib.h>
#endif

#include "io/checksum.hpp"

namespace brainmt::io {

std::uint32_t crc32(std::span<const std::byte> data, std::uint32_t before) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
#ifdef BRAINMT_HAVE_ISAL
  return crc32_gzip_refl(before, bytes, data.size());
#else
  return static_cast<std::uint32_t>(crc32_z(before, bytes, data.size()));
#endif
}

}  // namespace brainmt::io
