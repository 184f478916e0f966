#pragma once
// Dry run of cuDNN for a described device: engine support, rules and workspace of our operations on a Hopper GPU are
// checked without one, wherever the library is installed. No kernel is loaded or run.
//
// Engines that are compiled at run time need the driver's library, libcuda.so.1; the stub that comes with the CUDA
// toolkit is enough.
#include <cstdint>
#include <string>

#include "cuda/attention.hpp"
#include "cuda/conv3d.hpp"

namespace brainmt::cuda {

struct DescribedDevice {
  std::string properties;  // JSON as cuDNN writes and reads device properties
  int sm = 0;              // 90 is compute capability 9.0
};

/// Whether the library has an engine that needs at most `max_workspace` bytes; only deterministic and tf32 of the
/// context matter. Convolutions count as supported when one of the ways of conv3d.cpp is.
Support dry_conv3d(const DescribedDevice& device, const Context& context, const Conv3dShape& shape,
                   const Conv3dOperation& operation, std::int64_t max_workspace);
Support dry_attention(const DescribedDevice& device, const Context& context, const AttentionShape& shape,
                      const AttentionStrides& strides, bool backward, std::int64_t max_workspace);

}  // namespace brainmt::cuda
