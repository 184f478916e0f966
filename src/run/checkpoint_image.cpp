#include "run/checkpoint_image.hpp"

#include <Kokkos_Core.hpp>

#include "base/capture.hpp"
#include "io/atomic_file.hpp"
#include "run/checkpoint_files.hpp"
#include "tensor/views.hpp"

namespace brainmt::run {
namespace {

io::TensorToWrite entry(const char* prefix, const nn::Parameter& p, const float* flat) {
  return {.name = prefix + p.name,
          .type = io::StoredType::kF32,
          .shape = std::vector<std::uint64_t>(p.shape.begin(), p.shape.end()),
          .data = flat + p.offset};
}

void copy_to_host(float* host, const Tensor& flat) {
  refuse_while_capturing("a copy of a checkpoint");
  using HostArray = Kokkos::View<float*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::deep_copy(HostArray(host, static_cast<std::size_t>(flat.count())), view1<const float>(flat));
}

}  // namespace

CheckpointImage::CheckpointImage(const nn::ParameterStore& store)
    : count_(store.flat_count()),
      values_(std::make_unique_for_overwrite<float[]>(count_)),
      first_(std::make_unique_for_overwrite<float[]>(count_)),
      second_(std::make_unique_for_overwrite<float[]>(count_)) {
  for (const nn::Parameter& p : store.all()) {
    weights_.push_back(entry("", p, values_.get()));
    moments_.push_back(entry(kFirstMoment, p, first_.get()));
    moments_.push_back(entry(kSecondMoment, p, second_.get()));
  }
}

void CheckpointImage::take(const nn::ParameterStore& store, const nn::AdamW& optimizer) {
  BRAINMT_CHECK(store.flat_count() == count_, "an image of {} elements for {}", count_, store.flat_count());
  copy_to_host(values_.get(), store.values());
  copy_to_host(first_.get(), optimizer.first_moments());
  copy_to_host(second_.get(), optimizer.second_moments());
}

void CheckpointImage::write(const std::filesystem::path& directory, const std::string& state,
                            const Metadata& metadata) const {
  io::write_safetensors(directory / kModelFile, weights_, metadata);
  io::write_safetensors(directory / kOptimizerFile, moments_, {{"format", "pt"}});
  io::write_atomically(directory / kStateFile, state);
}

}  // namespace brainmt::run
