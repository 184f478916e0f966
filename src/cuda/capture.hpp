#pragma once
// Stream capture by CUDA: a stream, and those that join it through events. No CUDA headers here.
#include <memory>

#include "base/capture.hpp"

namespace brainmt::cuda {

/// Of the current device. `stream`, a cudaStream_t, is not the legacy default one, which CUDA does not capture, and
/// outlives the capture and its graphs. Only work of the calling thread is captured; loader threads are not affected.
std::unique_ptr<StreamCapture> make_stream_capture(void* stream);

}  // namespace brainmt::cuda
