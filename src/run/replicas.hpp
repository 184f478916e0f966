#pragma once
// Checks that data-parallel ranks hold bit-identical parameters, by a hash per rank. A rank whose copy has drifted (a
// memory error, a bug) would silently corrupt the averaged gradients.
#include <cstdint>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "nn/parameter.hpp"

namespace brainmt::run {

/// Collective: throws InternalError, the same on all ranks and naming the rank or ranks that differ, when the
/// parameters are not the same in every bit.
void check_replicas(comm::Communicator& comm, const nn::ParameterStore& store, std::int64_t step);

/// The ranks whose hash differs from the majority's; all ranks where no hash has a majority. Empty when all are equal.
std::vector<int> differing_ranks(const std::vector<std::int64_t>& hashes);

}  // namespace brainmt::run
