#pragma once
// Windows of a cohort as model input: prefetched in request order, returned in batches.
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>

#include "io/window_loader.hpp"
#include "models/registry.hpp"

namespace brainmt::task {

class WindowUpload;

/// Windows of `frames` frames of this cohort: [T, Y, X, Z].
models::InputSpec windows_of(const io::Cohort& cohort, std::int64_t frames);

/// Throws UsageError, for the model of this name, where it takes another kind of input than the cohort holds.
void check_input(std::string_view family, models::InputKind wanted, const io::Cohort& cohort);

/// Input and number of outputs of a model for this cohort. Throws UsageError where the model takes another kind of
/// input than the cohort has.
models::DataSpec data_spec(const models::ModelPlan& plan, const io::Cohort& cohort, std::size_t targets);

class WindowStream {
 public:
  /// Where windows are unpacked: by the loader's thread, or on the device. The input is the same, bit for bit.
  enum class Unpack { kLoader, kDevice };

  /// `source` gives this rank's requests in the order in which take() will want them, each of input.frames frames. It
  /// runs on the loader's thread. `prefetch` windows are kept ready (at least one). Unless `unpack` is given, windows
  /// are unpacked on the device where a device's kernels run, and by the loader where the host's do.
  WindowStream(const io::Cohort& cohort, io::WindowLoader::Source source, const models::InputSpec& input,
               std::int64_t prefetch, DType activation, std::optional<Unpack> unpack = std::nullopt);
  ~WindowStream();

  /// The next `count` windows as [count, sample]: in `out` where it has that shape and type, else in memory of their
  /// own. Throws DataError when reading failed.
  Tensor take(std::int64_t count, const Tensor& out = {});

  /// As WindowLoader's.
  double loader_cpu_seconds() const { return loader_.cpu_seconds(); }

 private:
  void take_dense(const Tensor& out);

  std::unique_ptr<std::pmr::memory_resource> pinned_;  // packed windows lie here; null: the loader unpacks
  io::WindowLoader loader_;
  Shape window_;  // of a sample
  DType activation_;
  std::unique_ptr<WindowUpload> upload_;  // null: the loader unpacks
};

}  // namespace brainmt::task
