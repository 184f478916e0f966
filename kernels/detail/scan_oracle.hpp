#pragma once
// The double instantiation of the scan: its views as the oracle takes them.
#include "kernels/detail/host_items.hpp"
#include "kernels/ref/selective_scan.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels::detail {

template <class S>
ref::ScanInputs<S> oracle_inputs(const ScanDirection<S>& scan) {
  return {scan.direction,    as_matrix(scan.x),      as_matrix(scan.delta_raw), as_matrix(scan.b),
          as_matrix(scan.c), scan.delta_bias.data(), scan.a_log.data(),         scan.d.data()};
}

template <class S>
ref::ScanOutputs<S> oracle_outputs(const ScanGradients<S>& gradients) {
  return {as_matrix(gradients.dx), as_matrix(gradients.ddelta_raw), as_matrix(gradients.db),
          as_matrix(gradients.dc), gradients.ddelta_bias.data(),    gradients.da_log.data(),
          gradients.dd.data()};
}

template <class S>
ref::ScanShape oracle_shape(const ScanDirection<S>& scan, std::size_t batch, std::size_t length) {
  return {batch, length, scan.a_log.extent(0), scan.a_log.extent(1)};
}

}  // namespace brainmt::kernels::detail
