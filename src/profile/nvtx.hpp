#pragma once
// Ranges for NVIDIA's timeline tools, named by the labels of kernels and regions. In builds with CUDA only; without it
// everything here does nothing.
namespace brainmt::profile::nvtx {

/// Whether this build can.
bool available();
void push(const char* label);
void pop();

/// While it lives and `on`, kernels, copies and regions of Kokkos are ranges, and nothing waits for the device because
/// of them. Made before Kokkos is initialised, which is when Kokkos asks its tools whether they want such waits.
class Ranges {
 public:
  explicit Ranges(bool on);
  Ranges(const Ranges&) = delete;
  Ranges& operator=(const Ranges&) = delete;
  ~Ranges();

 private:
  bool on_;
};

}  // namespace brainmt::profile::nvtx
