#include "prepare/space.hpp"

#include <algorithm>
#include <cmath>

namespace brainmt::prepare {

HeaderRow HeaderRow::of(const io::NiftiHeader& header) {
  HeaderRow row;
  std::ranges::copy(header.shape, row.numbers.begin());
  row.numbers[4] = header.repetition_time;
  std::ranges::copy(header.affine, row.numbers.begin() + 5);
  return row;
}

io::CohortGrid HeaderRow::grid() const {
  const auto extent = [&](std::size_t axis) { return static_cast<std::uint32_t>(numbers[axis]); };
  return {extent(0), extent(1), extent(2)};
}

std::array<double, 16> HeaderRow::affine() const {
  std::array<double, 16> affine;
  std::copy(numbers.begin() + 5, numbers.end(), affine.begin());
  return affine;
}

bool HeaderRow::same_space(const HeaderRow& other) const {
  constexpr double kTolerance = 1e-3;  // mm
  const auto close = [](double a, double b) { return std::abs(a - b) <= kTolerance; };
  return grid() == other.grid() && std::ranges::equal(affine(), other.affine(), close);
}

HeaderRow most_common_space(const std::vector<HeaderRow>& headers) {
  struct Space {
    HeaderRow first;
    std::size_t scans;
  };
  std::vector<Space> spaces;
  for (const HeaderRow& header : headers) {
    const auto known = std::ranges::find_if(spaces, [&](const Space& s) { return s.first.same_space(header); });
    if (known == spaces.end()) {
      spaces.push_back({header, 1});
    } else {
      ++known->scans;
    }
  }
  return std::ranges::max_element(spaces, {}, &Space::scans)->first;
}

MaskIndex index_mask(const io::CohortGrid& grid, const std::vector<std::uint8_t>& mask) {
  MaskIndex index;
  for (std::uint32_t y = 0; y < grid.y; ++y) {
    for (std::uint32_t x = 0; x < grid.x; ++x) {
      for (std::uint32_t z = 0; z < grid.z; ++z) {
        const std::uint32_t place = x + grid.x * (y + grid.y * z);
        if (!mask[place]) continue;
        index.stored.push_back((y * grid.x + x) * grid.z + z);
        index.places.push_back(place);
      }
    }
  }
  return index;
}

}  // namespace brainmt::prepare
