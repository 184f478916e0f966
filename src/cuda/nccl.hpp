#pragma once
// NCCL itself. No headers of NCCL or CUDA here.
#include <memory>

#include "comm/nccl_api.hpp"

namespace brainmt::cuda {

std::unique_ptr<comm::NcclApi> make_nccl();

/// Of the library that runs, as "2.28.9".
std::string nccl_version();

}  // namespace brainmt::cuda
