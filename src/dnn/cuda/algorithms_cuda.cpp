#include <cuda_runtime_api.h>

#include "cuda/choices.hpp"
#include "cuda/device.hpp"
#include "dnn/algorithms.hpp"
#include "memory/fence.hpp"

namespace brainmt::dnn {
namespace {

class CudaAlgorithms : public Algorithms {
 public:
  std::string valid_for() const override {
    int device = 0;
    cuda::check(cudaGetDevice(&device), "the current GPU");
    return cuda::suggestions_of(cuda::query(), device);
  }
  Choices chosen() const override { return cuda::choices(); }
  void adopt(const Choices& choices) override {
    wait_for_kernels();  // of plans that this drops
    cuda::adopt_choices(choices);
  }
  void settle() override { cuda::settle_choices(); }
};

}  // namespace

Algorithms* algorithms() {
  static CudaAlgorithms instance;
  return &instance;
}

}  // namespace brainmt::dnn
