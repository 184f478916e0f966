#pragma once
// Which of the two normalisations of kernels/norm.hpp a kernel is compiled for.
namespace brainmt::kernels::detail {

enum class Norm { kLayer, kRms };

}  // namespace brainmt::kernels::detail
