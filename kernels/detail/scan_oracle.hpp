#pragma once
// The double instantiation of the scan: its views as the oracle takes them.
#include "kernels/detail/host_items.hpp"
#include "kernels/ref/selective_scan.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels::detail {

template <class S>
ref::ScanInputs<S> oracle_inputs(const ScanDirection<S>& scan) {
  return {scan.direction,    scan.x,       scan.delta_raw, scan.b, scan.c, scan.delta_bias.data(),
          scan.a_log.data(), scan.d.data()};
}

template <class S>
ref::ScanOutputs<S> oracle_outputs(const ScanGradients<S>& gradients) {
  return {gradients.dx,       gradients.ddelta_raw,         gradients.db,
          gradients.dc,       gradients.ddelta_bias.data(), gradients.da_log.data(),
          gradients.dd.data()};
}

template <class S>
ref::ScanShape oracle_shape(const ScanDirection<S>& scan, std::size_t batch, std::size_t length) {
  return {batch, length, scan.a_log.extent(0), scan.a_log.extent(1)};
}

}  // namespace brainmt::kernels::detail
