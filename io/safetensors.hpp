#pragma once
// Reads and writes safetensors: 8 bytes with the header's length, a JSON header, the tensors' bytes (little endian,
// row-major). The format of weights, optimiser state and golden tensors.
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/safetensors_header.hpp"

namespace brainmt::io {

/// A file mapped read-only; checked whole when it is opened. Errors are DataErrors that name the file and the tensor.
class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  /// Ascending.
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return header_.tensors.contains(name); }
  const StoredTensor& info(const std::string& name) const;
  /// Valid while the file object lives; not aligned in general.
  std::span<const std::byte> bytes(const std::string& name) const;
  /// Copies a floating-point tensor (F16, BF16, F32, F64) as float32; `out` has exactly its number of elements.
  void read_f32(const std::string& name, std::span<float> out) const;

 private:
  class Mapping {
   public:
    explicit Mapping(const std::filesystem::path& path);
    Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Mapping& operator=(Mapping&&) = delete;
    ~Mapping();
    std::span<const std::byte> bytes() const { return bytes_; }

   private:
    std::span<const std::byte> bytes_;
  };

  SafetensorsFile(std::filesystem::path path, Mapping mapping, std::size_t data_at, SafetensorsHeader header);

  std::filesystem::path path_;
  Mapping mapping_;
  std::span<const std::byte> data_;
  SafetensorsHeader header_;
};

struct TensorToWrite {
  std::string name;
  StoredType type = StoredType::kF32;
  std::vector<std::uint64_t> shape;
  const void* data = nullptr;  // as many elements as the shape has; may be null when that is 0
};

/// Writes atomically (io/atomic_file.hpp). Equal input gives equal bytes: tensors lie in order of falling element size,
/// then name, so that each is aligned to its element. Throws OutputError; names must be unique and text UTF-8.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace brainmt::io
