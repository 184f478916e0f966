// Safetensors files: every tensor lies inside the file with the bytes that its shape asks for, and can be read.
#include <vector>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/safetensors.hpp"

namespace brainmt::fuzz {

void run_safetensors(Bytes input) {
  const MemoryFile file(input);
  accepted<DataError>([&] {
    const io::SafetensorsFile tensors = io::SafetensorsFile::open(file.path());
    std::uint64_t total = 0;
    for (const std::string& name : tensors.names()) {
      const io::StoredTensor& info = tensors.info(name);
      std::uint64_t bytes = io::bytes_of(info.type);
      for (const std::uint64_t extent : info.shape) {
        require(!__builtin_mul_overflow(bytes, extent, &bytes), "the size fits");
      }
      const Bytes data = tensors.bytes(name);
      require(data.size() == bytes && bytes <= input.size(), "a tensor has the bytes of its shape");
      total += bytes;
      std::size_t sum = 0;
      for (const std::byte byte : data) sum += std::to_integer<std::size_t>(byte);
      require(sum <= 255 * bytes, "every byte can be read");
      std::vector<float> values(info.elements());
      accepted<DataError>([&] { tensors.read_f32(name, values); });
    }
    require(total < input.size(), "tensors do not overlap");
    accepted<DataError>([&] { tensors.info("absent"); });
  });
}

}  // namespace brainmt::fuzz
