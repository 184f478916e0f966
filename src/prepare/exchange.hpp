#pragma once
// Results of work that was shared scan by scan, brought to all ranks. Scan s belongs to rank s mod ranks; each rank
// fills in its own rows, and afterwards every rank has them all, bit for bit.
#include <mpi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace brainmt::prepare {

/// This rank's place in the sharing.
struct Share {
  explicit Share(MPI_Comm comm);
  bool owns(std::size_t scan) const { return scan % static_cast<std::size_t>(ranks) == static_cast<std::size_t>(rank); }

  MPI_Comm comm;
  int rank = 0, ranks = 1;
};

/// Collective. `rows`: `width` numbers a scan, in one array; those of other ranks' scans are overwritten.
void share_numbers(const Share& share, std::size_t width, std::vector<double>& rows);

/// Collective, likewise for one text a scan.
void share_texts(const Share& share, std::vector<std::string>& texts);

/// Collective: rank 0's texts to everyone.
void broadcast_texts(const Share& share, std::vector<std::string>& texts);

/// Collective: element-wise or.
void unite(const Share& share, std::vector<std::uint8_t>& flags);

}  // namespace brainmt::prepare
