#pragma once
// A golden file: weights, one batch, and what the published implementation makes of it (tests/golden/README.md).
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "models/brainmt.hpp"
#include "support/source_root.hpp"

namespace brainmt::test {

class Golden {
 public:
  /// From the folder that BRAINMT_GOLDEN_DIR names, else from tests/golden.
  explicit Golden(const std::string& name)
      : file_(io::SafetensorsFile::open(directory() + "/" + name + ".safetensors")) {}

  std::string text(const std::string& key) const { return file_.metadata().at(key); }
  nlohmann::json json(const std::string& key) const { return nlohmann::json::parse(text(key)); }
  std::vector<std::int64_t> shape(const std::string& name) const {
    const auto& extents = file_.info(name).shape;
    return {extents.begin(), extents.end()};
  }

  models::BrainMTConfig config() const {
    models::BrainMTConfig c;
    c.grid = json("grid_xyz").get<std::array<std::int64_t, 3>>();
    c.frames = json("frames");
    c.embed_dim = json("embed_dim");
    c.depth = json("depth").get<std::array<int, 2>>();
    c.num_heads = json("num_heads");
    c.bidirectional = file_.metadata().at("bidirectional") == "True";
    return c;
  }
  bool classification() const { return file_.metadata().at("task") == "classification"; }

  std::vector<double> values(const std::string& name) const {
    const io::StoredTensor& info = file_.info(name);
    std::size_t count = 1;
    for (auto extent : info.shape) count *= extent;
    if (info.type == io::StoredType::kF64) {
      std::vector<double> wide(count);
      std::memcpy(wide.data(), file_.bytes(name).data(), count * sizeof(double));
      return wide;
    }
    const std::vector<float> narrow = floats(name, count);
    return {narrow.begin(), narrow.end()};
  }
  bool contains(const std::string& name) const { return file_.contains(name); }
  std::vector<std::int64_t> integers(const std::string& name) const {
    std::vector<std::int64_t> values(file_.bytes(name).size() / sizeof(std::int64_t));
    std::memcpy(values.data(), file_.bytes(name).data(), file_.bytes(name).size());
    return values;
  }
  Tensor tensor(const std::string& name, Shape shape, DType dtype) const {
    return Tensor::from_host(floats(name, static_cast<std::size_t>(shape.count())), shape, dtype);
  }
  /// Names behind "prefix/".
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> found;
    for (const std::string& name : file_.names())
      if (name.starts_with(prefix + "/")) found.push_back(name.substr(prefix.size() + 1));
    return found;
  }

 private:
  static std::string directory() {
    const char* chosen = std::getenv("BRAINMT_GOLDEN_DIR");
    return chosen != nullptr ? chosen : (source_root() / "tests/golden").string();
  }
  std::vector<float> floats(const std::string& name, std::size_t count) const {
    std::vector<float> v(count);
    file_.read_f32(name, v);
    return v;
  }

  io::SafetensorsFile file_;
};

}  // namespace brainmt::test
