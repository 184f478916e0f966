#pragma once
// Results of work that was shared scan by scan, brought to all ranks: each rank fills in the rows of the scans that it
// handled, and afterwards every rank has them all, bit for bit.
#include <mpi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace brainmt::prepare {

/// This rank's place among those that share the work.
struct Share {
  explicit Share(MPI_Comm comm);

  MPI_Comm comm;
  int rank = 0, ranks = 1;
};

/// 1 for each scan that this rank handled; no scan is handled by two.
using Handled = std::vector<std::uint8_t>;

/// Collective. `rows`: `width` numbers a scan, in one array; rows of scans that others handled are overwritten, those
/// of scans that nobody handled become 0.
void share_numbers(const Share& share, const Handled& mine, std::size_t width, std::vector<double>& rows);

/// Collective, likewise for one text a scan; texts that nobody handled stay.
void share_texts(const Share& share, const Handled& mine, std::vector<std::string>& texts);

/// Collective: sums over the ranks.
void add_up(const Share& share, std::span<double> numbers);

/// Collective: rank 0's texts to everyone.
void broadcast_texts(const Share& share, std::vector<std::string>& texts);

/// Collective: element-wise or.
void unite(const Share& share, std::vector<std::uint8_t>& flags);

}  // namespace brainmt::prepare
