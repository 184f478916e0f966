#pragma once
// Tables of a golden file in double or int64, from the folder that BRAINMT_GOLDEN_DIR names, else from tests/golden.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "support/source_root.hpp"

namespace brainmt::test {

class GoldenTables {
 public:
  explicit GoldenTables(const std::string& name)
      : file_(io::SafetensorsFile::open(directory() + "/" + name + ".safetensors")) {}

  std::vector<double> doubles(const std::string& name) const { return of<double>(name, io::StoredType::kF64); }
  std::vector<std::int64_t> integers(const std::string& name) const {
    return of<std::int64_t>(name, io::StoredType::kI64);
  }
  std::size_t extent(const std::string& name, std::size_t axis) const { return file_.info(name).shape.at(axis); }

 private:
  static std::string directory() {
    const char* chosen = std::getenv("BRAINMT_GOLDEN_DIR");
    return chosen != nullptr ? chosen : (source_root() / "tests/golden").string();
  }
  template <class T>
  std::vector<T> of(const std::string& name, io::StoredType type) const {
    if (file_.info(name).type != type) throw std::runtime_error(name + " is of another type");
    const auto bytes = file_.bytes(name);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  io::SafetensorsFile file_;
};

}  // namespace brainmt::test
