#pragma once
// A file of reference numbers in double: from the folder that BRAINMT_GOLDEN_DIR names, else from tests/golden. Sizes
// come from its shapes, settings from its metadata.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "support/source_root.hpp"

namespace brainmt::test {

class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name)
      : file_(io::SafetensorsFile::open(directory() + "/" + name + ".safetensors")) {}

  static std::string directory() {
    const char* chosen = std::getenv("BRAINMT_GOLDEN_DIR");
    return chosen != nullptr ? chosen : (source_root() / "tests/golden").string();
  }

  const std::string& text(const std::string& key) const { return file_.metadata().at(key); }
  bool contains(const std::string& name) const { return file_.contains(name); }
  const std::vector<std::uint64_t>& shape(const std::string& name) const { return file_.info(name).shape; }
  /// F64 as it is, other floats and I64 converted.
  std::vector<double> values(const std::string& name) const {
    const io::StoredTensor& info = file_.info(name);
    std::size_t count = 1;
    for (const auto extent : info.shape) count *= extent;
    std::vector<double> wide(count);
    if (info.type == io::StoredType::kF64) {
      std::memcpy(wide.data(), file_.bytes(name).data(), count * sizeof(double));
      return wide;
    }
    if (info.type == io::StoredType::kI64) {
      std::vector<std::int64_t> whole(count);
      std::memcpy(whole.data(), file_.bytes(name).data(), count * sizeof(std::int64_t));
      return {whole.begin(), whole.end()};
    }
    std::vector<float> narrow(count);
    file_.read_f32(name, narrow);
    return {narrow.begin(), narrow.end()};
  }
  /// 1e-9 where the file holds doubles, 1e-6 where it holds floats.
  double tolerance(const std::string& name) const {
    return file_.info(name).type == io::StoredType::kF64 ? 1e-9 : 1e-6;
  }

 private:
  io::SafetensorsFile file_;
};

}  // namespace brainmt::test
