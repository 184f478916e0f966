// The eight convolutions of the stem on a batch of frames, all three passes.
#include "dnn/conv3d.hpp"

#include "bench/bench.hpp"
#include "bench/limits.hpp"

namespace brainmt::bench {

Report conv3d(const config::Config& config, comm::Communicator&) {
  const DType dtype = config.get<std::string>("precision") == "bf16" ? DType::kBf16 : DType::kF32;
  const double seconds = config.get<double>("seconds");
  const auto grid = config.get<std::vector<std::int64_t>>("grid");
  const std::int64_t frames = config.get<std::vector<std::int64_t>>("frames").front();
  const std::int64_t c = config.get<std::int64_t>("model.embed_dim");
  const double limit = gemm_limit(dtype, seconds);
  struct Layer {
    const char* name;
    std::int64_t in, out;
    int stride;
  };
  const Layer layers[] = {{"stem1", 1, c / 8, 2},        {"stem2", c / 8, c / 4, 2}, {"block0.1", c / 4, c / 4, 1},
                          {"block0.2", c / 4, c / 4, 1}, {"down0", c / 4, c / 2, 2}, {"block1.1", c / 2, c / 2, 1},
                          {"block1.2", c / 2, c / 2, 1}, {"down1", c / 2, c, 2}};
  Report report{fmt::format("conv3d: {} frames of {}x{}x{}, {}, limit = large GEMM: {:.0f} GFLOP/s", frames, grid[0],
                            grid[1], grid[2], name_of(dtype), limit * 1e-9),
                {},
                {},
                {}};
  Shape shape{frames, grid[1], grid[0], grid[2], 1};
  double total_flops = 0, total_seconds = 0;
  for (const Layer& layer : layers) {
    const dnn::Conv3dOptions options{layer.stride, 1, false};
    Shape out{frames};
    for (int axis = 1; axis <= 3; ++axis) out.push_back(dnn::conv_extent(shape[axis], 3, options));
    out.push_back(layer.out);
    const Tensor x = random_tensor(shape, dtype), y = random_tensor(out, dtype);
    const Tensor w = random_tensor({layer.out, layer.in, 3, 3, 3}, DType::kF32),
                 dw = Tensor::zeros(w.shape(), DType::kF32);
    const double flops = 2.0 * static_cast<double>(out.count() * layer.in * 27);
    const auto add = [&](const char* pass, const std::function<void()>& work) {
      const Timing time = measure(work, seconds);
      total_flops += flops;
      total_seconds += time.min;
      report.rows.push_back({fmt::format("{} {}->{} {}", layer.name, layer.in, layer.out, pass), time, flops,
                             static_cast<double>(x.bytes() + y.bytes()), limit, ""});
    };
    add("forward", [&] { dnn::conv3d_fwd(y, x, w, {}, options); });
    if (layer.in > 1) add("data", [&] { dnn::conv3d_bwd_data(x, y, w, options); });
    add("weights", [&] { dnn::conv3d_bwd_weights(dw, {}, y, x, options); });
    shape = out;
  }
  report.lines.push_back(fmt::format("all passes: {:.3f} s, {:.0f} GFLOP/s, {:.0f} % of the limit", total_seconds,
                                     total_flops / total_seconds * 1e-9, 100 * total_flops / total_seconds / limit));
  report.values = {{"seconds", total_seconds}, {"gflops", total_flops / total_seconds * 1e-9}};
  return report;
}

}  // namespace brainmt::bench
