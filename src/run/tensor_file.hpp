#pragma once
// Between device tensors and the tensors of a safetensors file, always float32: weights and optimiser state alike.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::run {

struct NamedTensor {
  std::string name;
  Shape shape;
  Tensor value;  // any shape of equal count
};

/// Writes atomically. Throws OutputError.
void write_tensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                   const std::map<std::string, std::string>& metadata);

bool same_shape(const io::StoredTensor& stored, const Shape& shape);

/// Copies a stored tensor of equal count into `target`.
void read_tensor(const io::SafetensorsFile& file, const std::string& name, Tensor target);

}  // namespace brainmt::run
