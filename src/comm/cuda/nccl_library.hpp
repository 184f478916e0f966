#pragma once
// NCCL itself.
#include <memory>

#include "comm/nccl_api.hpp"

namespace brainmt::comm {

std::unique_ptr<NcclApi> make_nccl_library();

/// Of the library that runs, as "2.28.9".
std::string nccl_version();

}  // namespace brainmt::comm
