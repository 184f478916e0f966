#include "train/window_pass.hpp"

#include <algorithm>
#include <optional>

#include "task/window_stream.hpp"

namespace brainmt::train {

void run_windows(models::Model& model, const io::Cohort& cohort, std::span<const io::WindowRequest> windows,
                 const WindowPass& pass,
                 const std::function<void(const models::Output& output, std::int64_t count)>& take) {
  std::size_t requested = 0;
  const auto source = [&]() -> std::optional<io::WindowRequest> {
    if (requested == windows.size()) return std::nullopt;
    return windows[requested++];
  };
  task::WindowStream stream(cohort, source, model.input(), pass.prefetch, model.parameters().activation_dtype());
  auto left = static_cast<std::int64_t>(windows.size());
  while (left > 0) {
    const std::int64_t count = std::min(left, pass.batch);
    autograd::Tape tape(autograd::Tape::Mode::kForget);
    const autograd::Var input(stream.take(count));
    models::Pass forward{.want = pass.want};
    const std::int64_t done = static_cast<std::int64_t>(windows.size()) - left;
    for (std::int64_t i = 0; i < count; ++i) forward.samples.push_back(pass.first_number + done + i);
    take(model.forward(tape, input, forward), count);
    left -= count;
  }
}

}  // namespace brainmt::train
