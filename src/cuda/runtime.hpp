#pragma once
// The CUDA runtime as communication sees it, for the device that is current when it is made. No CUDA headers here.
#include <memory>

#include "comm/device_api.hpp"

namespace brainmt::cuda {

/// How many devices this process can use; 0 with the runtime's reason in `why` where there are none.
int device_count(std::string& why);

/// `rank` is named in errors.
std::unique_ptr<comm::DeviceApi> make_runtime(int rank);

}  // namespace brainmt::cuda
