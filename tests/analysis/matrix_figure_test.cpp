// The picture of a matrix: pixels as they are read back, order by network, colours, and pages without identifiers.
#include "analysis/matrix_figure.hpp"

#include <gtest/gtest.h>
#include <png.h>

#include <array>
#include <cmath>
#include <limits>

#include "analysis/connectivity_page.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::analysis {
namespace {

io::ParcelTable three_parcels() {
  io::ParcelTable table;
  table.index = {1, 2, 3};
  table.name = {"a", "b", "c"};
  table.network = {"Vis", "Default & more", "Vis"};
  table.hemisphere = {"", "", ""};
  table.centroid.assign(3, {0, 0, 0});
  return table;
}

// RGB of each pixel.
std::vector<std::array<png_byte, 3>> pixels_of(const std::string& bytes, std::size_t expected) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()), 0) << png.message;
  png.format = PNG_FORMAT_RGB;
  EXPECT_EQ(std::size_t{png.width} * png.height, expected);
  std::vector<std::array<png_byte, 3>> pixels(expected);
  EXPECT_NE(png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr), 0) << png.message;
  return pixels;
}

std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return bytes;
}

std::string first_image(const std::string& svg) {
  const std::string mark = "data:image/png;base64,";
  const std::size_t begin = svg.find(mark) + mark.size();
  return from_base64(svg.substr(begin, svg.find('"', begin) - begin));
}

TEST(MatrixFigure, Base64OfKnownTexts) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

TEST(MatrixFigure, PixelsAreOrderedByNetworkAndColoured) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  // (a, c) is 1, (a, b) -1, (b, c) missing.
  const std::vector<double> matrix{0, -1, 1, -1, 0, none, 1, none, 0};
  EXPECT_EQ(network_order(three_parcels()), (std::vector<std::size_t>{0, 2, 1}));
  const Figure figure = matrix_figure(matrix, three_parcels(), {.title = "t", .note = "", .scale_label = "r"});
  const auto pixels = pixels_of(first_image(figure.svg), 9);
  const auto at = [&](std::size_t i, std::size_t j) { return pixels[i * 3 + j]; };
  EXPECT_EQ(at(0, 1), (std::array<png_byte, 3>{103, 0, 31}));     // a with c: dark red
  EXPECT_EQ(at(0, 2), (std::array<png_byte, 3>{5, 48, 97}));      // a with b: dark blue
  EXPECT_EQ(at(1, 2), (std::array<png_byte, 3>{184, 184, 184}));  // c with b: grey
  EXPECT_EQ(at(1, 1), (std::array<png_byte, 3>{247, 247, 247}));
  EXPECT_EQ(at(2, 0), at(0, 2));
  EXPECT_NE(figure.svg.find(">Vis</text>"), std::string::npos);
  EXPECT_NE(figure.svg.find(">Default &amp; more</text>"), std::string::npos);
}

TEST(MatrixFigure, WithoutNetworksThereAreNoBars) {
  io::ParcelTable parcels = three_parcels();
  parcels.network.assign(3, "");
  const Figure figure = matrix_figure(std::vector<double>(9), parcels, {.title = "t", .note = "", .scale_label = "r"});
  EXPECT_EQ(figure.svg.find(">none</text>"), std::string::npos);
}

TEST(ConnectivityPage, NamesParcelsAndNetworksButNoParticipants) {
  const test::TemporaryDirectory directory;
  connectivity::FcDescription d{
      .metadata = {{"kind", "pearson"}, {"definition", "Fisher z, ..."}, {"rows", "participant"}},
      .values = "fisher",
      .parcels = three_parcels()};
  const float none = std::numeric_limits<float>::quiet_NaN();
  for (const char* id : {"personA", "personB", "personC"}) d.participants.push_back({.id = id, .mean_fd = 0.1 * id[6]});
  connectivity::FcWriter writer(MPI_COMM_SELF, directory / "fc.h5", d);
  for (std::size_t i = 0; i < 3; ++i) writer.write(i, std::array{none, 0.2f * static_cast<float>(i + 1), none});
  writer.commit({});
  const connectivity::FcFile file(directory / "fc.h5");
  const std::string page = connectivity_page(file, connectivity::statistics_of(file), "brainmt");
  EXPECT_EQ(page.find("person"), std::string::npos);
  EXPECT_NE(page.find("Default &amp; more"), std::string::npos);
  EXPECT_NE(page.find("r = 1.00 over 3 participants"), std::string::npos);
  EXPECT_NE(page.find("<td>b</td>"), std::string::npos) << "parcel b is missing in everybody";
  EXPECT_NE(page.find("nothing is fitted over participants"), std::string::npos);
  const auto pixels = pixels_of(first_image(page), 9);
  EXPECT_EQ(pixels[0], (std::array<png_byte, 3>{184, 184, 184})) << "the diagonal is grey";
  EXPECT_NE(pixels[1], pixels[0]);
}

}  // namespace
}  // namespace brainmt::analysis
