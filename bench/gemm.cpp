// GEMMs of one Mamba block and one attention block, forward and backward.
#include "dnn/gemm.hpp"

#include "bench/bench.hpp"
#include "bench/limits.hpp"

namespace brainmt::bench {

Report gemm(const config::Config& config, comm::Communicator&) {
  const DType dtype = config.get<std::string>("precision") == "bf16" ? DType::kBf16 : DType::kF32;
  const double seconds = config.get<double>("seconds");
  const std::int64_t tokens = config.get<std::int64_t>("length"), c = config.get<std::int64_t>("model.embed_dim");
  const double limit = gemm_limit(dtype, seconds);
  struct Product {
    const char* name;
    std::int64_t out, in;
  };
  const std::int64_t e = 2 * c, rank = (c + 15) / 16;
  const Product products[] = {{"in_proj", 2 * e, c}, {"x_proj", rank + 32, e}, {"dt_proj", e, rank}, {"out_proj", c, e},
                              {"qkv", 3 * c, c},     {"proj", c, c},           {"fc1", 2 * c, c},    {"fc2", c, 2 * c}};
  Report report{fmt::format("gemm: {} tokens, {}, limit = square product of 1536: {:.0f} GFLOP/s", tokens,
                            name_of(dtype), limit * 1e-9),
                {},
                {},
                {}};
  for (const Product& p : products) {
    const Tensor x = random_tensor({tokens, p.in}, dtype), w = random_tensor({p.out, p.in}, dtype);
    const Tensor y = random_tensor({tokens, p.out}, dtype), dw = Tensor::zeros({p.out, p.in}, DType::kF32);
    const double flops = 2.0 * static_cast<double>(tokens * p.out * p.in);
    const auto add = [&](const char* pass, const std::function<void()>& work) {
      const Timing time = measure(work, seconds);
      report.rows.push_back({fmt::format("{} {}x{} {}", p.name, p.out, p.in, pass), time, flops,
                             static_cast<double>(x.bytes() + w.bytes() + y.bytes()), limit, ""});
    };
    add("forward", [&] { dnn::linear_fwd(y, x, w, {}); });
    add("data", [&] { dnn::linear_bwd_data(x, y, w, false); });
    add("weights", [&] { dnn::linear_bwd_weights(dw, {}, y, x); });
  }
  return report;
}

}  // namespace brainmt::bench
