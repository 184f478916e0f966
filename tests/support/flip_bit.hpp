#pragma once
// Damage to a file: one bit, in place. Twice is as before.
#include <cstdint>
#include <filesystem>
#include <fstream>

namespace brainmt::test {

inline void flip_bit(const std::filesystem::path& path, std::uint64_t byte, unsigned bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const int old = file.get();
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(static_cast<char>(old ^ (1 << bit)));
}

}  // namespace brainmt::test
