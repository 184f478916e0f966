#include "models/from_config.hpp"

namespace brainmt::models {

BrainMTConfig from_config(const config::Config& config, const std::array<std::int64_t, 3>& grid) {
  const auto depth = config.get<std::vector<std::int64_t>>("model.depth");
  BrainMTConfig c;
  c.grid = grid;
  c.frames = config.get<std::int64_t>("model.num_frames");
  c.stem = stem_named(config.get<std::string>("model.stem")).value();
  c.embed_dim = config.get<std::int64_t>("model.embed_dim");
  c.depth = {static_cast<int>(depth.at(0)), static_cast<int>(depth.at(1))};
  c.num_heads = config.get<int>("model.num_heads");
  c.bidirectional = config.get<bool>("model.bidirectional");
  c.drop_path = config.get<double>("model.drop_path");
  c.state_dim = config.get<int>("model.state_dim");
  c.conv_kernel = config.get<int>("model.conv_kernel");
  c.expand = config.get<int>("model.expand");
  c.recompute = config.get<std::string>("model.recompute") == "block";
  c.frame_chunk = config.get<std::int64_t>("model.frame_chunk");
  c.conv_init = config.get<std::string>("model.conv_init");
  c.dt_init = config.get<std::string>("model.dt_init");
  return c;
}

DType precision_from_config(const config::Config& config) {
  return config.get<std::string>("precision") == "bf16" ? DType::kBf16 : DType::kF32;
}

}  // namespace brainmt::models
