#pragma once
// Parses the JSON header of a safetensors file as untrusted input: every number is checked against the size of the
// file, and nothing larger than the file is allocated.
//
// Rules: one object; keys unique at every level; `__metadata__` maps text to text; every other entry has exactly
// `dtype`, `shape` and `data_offsets`; integers are non-negative; sizes do not overflow; the spans, sorted, tile the
// data from its first byte to its last.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::io {

enum class StoredType { kBool, kU8, kI8, kU16, kI16, kF16, kBF16, kU32, kI32, kF32, kU64, kI64, kF64 };

std::size_t bytes_of(StoredType type);
/// The name in the file: "F32", "BF16", ...
std::string_view name_of(StoredType type);

struct StoredTensor {
  StoredType type = StoredType::kF32;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the first byte after the header
  std::uint64_t elements() const { return (end - begin) / bytes_of(type); }
};

struct SafetensorsHeader {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// `data_bytes` is what follows the header in the file. Throws DataError that names `path` and the entry.
SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view json,
                                           std::uint64_t data_bytes);

}  // namespace brainmt::io
