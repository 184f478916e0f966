#pragma once
// Figure of a matrix of parcels: one pixel an entry, in a picture (PNG) inside the SVG that holds letters, scale and the
// bars of the networks. Parcels are put in the order of their networks.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/html.hpp"
#include "io/parcel_table.hpp"

namespace brainmt::analysis {

/// kSigned: -limit..limit, blue over white to red. kPositive: 0..limit, white to violet. Not finite: grey.
enum class ColourScale { kSigned, kPositive };

struct MatrixPicture {
  std::string title, note, scale_label;
  ColourScale scale = ColourScale::kSigned;
  double limit = 1;  // above 0; what lies beyond has the colour of the end
};

/// Order of the parcels: by network, networks in the order of their first parcel, within one as they come.
std::vector<std::size_t> network_order(const io::ParcelTable& parcels);

/// `matrix` [P, P] in the order of `parcels`, P >= 1. Throws InternalError where libpng fails.
Figure matrix_figure(std::span<const double> matrix, const io::ParcelTable& parcels, const MatrixPicture& picture);

/// A PNG of palette colours, [height, width] indices of at most 256 `palette` entries 0xRRGGBB. Equal input, equal bytes.
std::string png_of(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height,
                   std::span<const std::uint32_t> palette);
std::string base64(std::string_view bytes);

}  // namespace brainmt::analysis
