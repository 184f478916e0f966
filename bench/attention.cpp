// Attention of one block: all queries, and the CLS query alone.
#include "dnn/attention.hpp"

#include "bench/bench.hpp"
#include "bench/limits.hpp"

namespace brainmt::bench {
namespace {

void run(Report& report, DType dtype, std::int64_t length, std::int64_t width, int heads, std::int64_t queries,
         double seconds, double limit) {
  const Tensor q = random_tensor({queries, width}, dtype, 1), kv = random_tensor({length, 2 * width}, dtype, 2);
  const Tensor o({queries, width}, dtype), dout = random_tensor({queries, width}, dtype, 3);
  const Tensor dq(q.shape(), dtype), dkv(kv.shape(), dtype), lse({1, heads, queries}, DType::kF32);
  const AnyMatrix k = kv.columns(0, width), v = kv.columns(width, width);
  const AnyMatrix dk = dkv.columns(0, width), dv = dkv.columns(width, width);
  const double flops = 4.0 * static_cast<double>(queries * length * width);
  const double bytes = static_cast<double>(q.bytes() + kv.bytes() + o.bytes());
  const std::string what = queries == 1 ? "CLS query" : "all queries";
  report.rows.push_back(
      {what + " forward", measure([&] { dnn::attention_fwd(o, lse, q, k, v); }, seconds), flops, bytes, limit, ""});
  report.rows.push_back({what + " backward",
                         measure([&] { dnn::attention_bwd(dq, dk, dv, dout, o, lse, q, k, v); }, seconds), 2.5 * flops,
                         2 * bytes, limit, ""});
}

}  // namespace

Report attention(const config::Config& config, comm::Communicator&) {
  const std::int64_t length = config.get<std::int64_t>("length"), width = config.get<std::int64_t>("model.embed_dim");
  const int heads = config.get<int>("model.num_heads");
  const double seconds = config.get<double>("seconds"), limit = gemm_limit(DType::kF32, seconds);
  const bool bf16_storage = config.get<std::string>("precision") == "bf16";
  Report report{
      fmt::format("attention: {} tokens, width {}, {} heads, {} storage, limit = large fp32 product: {:.0f} GFLOP/s",
                  length, width, heads, bf16_storage ? "bf16" : "fp32", limit * 1e-9),
      {},
      {},
      {}};
  for (const std::int64_t queries : {length, std::int64_t{1}}) {
    run(report, bf16_storage ? DType::kBf16 : DType::kF32, length, width, heads, queries, seconds, limit);
  }
  return report;
}

}  // namespace brainmt::bench
