#include "run/tensor_file.hpp"

#include <algorithm>

namespace brainmt::run {

void write_tensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<std::vector<float>> values;
  std::vector<io::TensorToWrite> entries;
  for (const NamedTensor& tensor : tensors) {
    const std::vector<double> wide = tensor.value.to_host();
    values.emplace_back(wide.begin(), wide.end());
    entries.push_back({.name = tensor.name,
                       .type = io::StoredType::kF32,
                       .shape = std::vector<std::uint64_t>(tensor.shape.begin(), tensor.shape.end()),
                       .data = values.back().data()});
  }
  io::write_safetensors(path, entries, metadata);
}

bool same_shape(const io::StoredTensor& stored, const Shape& shape) {
  return std::equal(stored.shape.begin(), stored.shape.end(), shape.begin(), shape.end(),
                    [](std::uint64_t a, std::int64_t b) { return static_cast<std::int64_t>(a) == b; });
}

void read_tensor(const io::SafetensorsFile& file, const std::string& name, Tensor target) {
  std::vector<float> values(static_cast<std::size_t>(target.count()));
  file.read_f32(name, values);
  target.copy_from(Tensor::from_host(values, target.shape(), DType::kF32));
}

}  // namespace brainmt::run
