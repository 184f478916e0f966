#include "analysis/matrix_figure.hpp"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "connectivity/statistics.hpp"

namespace brainmt::analysis {
namespace {

// Pixels of the figure.
constexpr double kSide = 420, kTop = 20, kBar = 9, kGap = 3, kScaleWidth = 12, kLetters = 7, kLine = 12;
constexpr const char* kInk = "#333333";
constexpr std::uint32_t kMissing = 0xb8b8b8;
// Neighbours are told apart, also by colour-blind readers; after twelve they come again.
constexpr std::array<std::string_view, 12> kNetworkColours{"#1f5a94", "#e08214", "#4dac26", "#7b3294",
                                                           "#d4b106", "#35978f", "#c51b7d", "#8c510a",
                                                           "#80b1d3", "#636363", "#b2182b", "#a6dba0"};

// Entry 0 is grey, 1..255 run from the lowest to the highest value.
std::array<std::uint32_t, 256> palette_of(ColourScale scale) {
  using Colour = std::array<double, 3>;
  const std::vector<Colour> stops =
      scale == ColourScale::kSigned
          ? std::vector<Colour>{{5, 48, 97}, {67, 147, 195}, {247, 247, 247}, {214, 96, 77}, {103, 0, 31}}
          : std::vector<Colour>{{252, 251, 253}, {188, 189, 220}, {117, 107, 177}, {63, 0, 125}};
  std::array<std::uint32_t, 256> palette{kMissing};
  for (std::size_t i = 1; i < palette.size(); ++i) {
    const double at = static_cast<double>(i - 1) / 254 * static_cast<double>(stops.size() - 1);
    const std::size_t low = std::min(static_cast<std::size_t>(at), stops.size() - 2);
    std::uint32_t colour = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      const double value = stops[low][c] + (at - static_cast<double>(low)) * (stops[low + 1][c] - stops[low][c]);
      colour = colour << 8 | static_cast<std::uint32_t>(std::lround(value));
    }
    palette[i] = colour;
  }
  return palette;
}

std::uint8_t index_of(double value, const MatrixPicture& picture) {
  if (!std::isfinite(value)) return 0;
  const double low = picture.scale == ColourScale::kSigned ? -picture.limit : 0;
  return static_cast<std::uint8_t>(1 + std::lround(std::clamp((value - low) / (picture.limit - low), 0.0, 1.0) * 254));
}

std::string image(double x, double y, double width, double height, const std::string& png) {
  return fmt::format(
      "<image x=\"{:g}\" y=\"{:g}\" width=\"{:g}\" height=\"{:g}\" preserveAspectRatio=\"none\" "
      "style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
      x, y, width, height, base64(png));
}

std::string letters(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, escaped(text));
}

struct NetworkBlock {
  std::string name;
  std::size_t begin = 0, end = 0;  // rows of the picture
};

std::vector<NetworkBlock> blocks_of(const io::ParcelTable& parcels, const std::vector<std::size_t>& order) {
  std::vector<NetworkBlock> blocks;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::string& name = parcels.network[order[i]];
    if (blocks.empty() || blocks.back().name != name) blocks.push_back({name, i, i});
    blocks.back().end = i + 1;
  }
  if (blocks.size() == 1 && blocks[0].name.empty()) blocks.clear();
  for (NetworkBlock& block : blocks) block.name = block.name.empty() ? "none" : block.name;
  return blocks;
}

// Labels of the rows' networks, each as near to the middle of its block as the one above lets it.
std::string network_marks(const std::vector<NetworkBlock>& blocks, std::size_t parcels, double left) {
  const double scale = kSide / static_cast<double>(parcels);
  std::string svg;
  double lowest = kTop - kLine, last = kTop + kSide + 4;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const double begin = static_cast<double>(blocks[b].begin) * scale, end = static_cast<double>(blocks[b].end) * scale;
    const std::string_view colour = kNetworkColours[b % kNetworkColours.size()];
    svg += fmt::format("<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{}\" height=\"{:.2f}\" fill=\"{}\"/>\n",
                       left - kGap - kBar, kTop + begin, kBar, end - begin, colour);
    svg += fmt::format("<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\"/>\n", left + begin,
                       kTop - kGap - kBar, end - begin, kBar, colour);
    if (b > 0)
      svg +=
          fmt::format("<path d=\"M{0:.2f} {1:.2f}h{2:g}M{3:.2f} {4:g}v{2:g}\" stroke=\"{5}\" stroke-width=\"0.7\"/>\n",
                      left, kTop + begin, kSide, left + begin, kTop, kInk);
    const double middle = kTop + (begin + end) / 2 + 4;
    const double room = last - static_cast<double>(blocks.size() - 1 - b) * kLine;
    lowest = std::max(lowest + kLine, std::min(middle, room));
    svg += letters(left - kGap - kBar - 4, lowest, "end", blocks[b].name);
  }
  return svg;
}

std::string colour_bar(double x, const MatrixPicture& picture, std::span<const std::uint32_t> palette) {
  std::vector<std::uint8_t> pixels(255);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(255 - i);
  std::string svg = image(x, kTop, kScaleWidth, kSide, png_of(pixels, 1, pixels.size(), palette));
  const bool is_signed = picture.scale == ColourScale::kSigned;
  const auto label = [&](double value, double at) {
    svg += letters(x + kScaleWidth + 4, kTop + at * kSide + 4, "start", fmt::format("{:.2g}", value));
  };
  label(picture.limit, 0);
  label(is_signed ? 0 : picture.limit / 2, 0.5);
  label(is_signed ? -picture.limit : 0, 1);
  svg += letters(x, kTop - 7, "start", picture.scale_label);
  return svg;
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string png_of(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height,
                   std::span<const std::uint32_t> palette) {
  BRAINMT_CHECK(pixels.size() == width * height && palette.size() <= 256, "{} pixels of {} x {}", pixels.size(), width,
                height);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = PNG_FORMAT_RGB_COLORMAP;
  png.colormap_entries = static_cast<png_uint_32>(palette.size());
  std::vector<png_byte> colours;
  for (const std::uint32_t colour : palette) {
    for (const int shift : {16, 8, 0}) colours.push_back(static_cast<png_byte>(colour >> shift & 255));
  }
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string out(bytes, '\0');
  const int done = png_image_write_to_memory(&png, out.data(), &bytes, 0, pixels.data(), 0, colours.data());
  BRAINMT_CHECK(done != 0, "libpng: {}", png.message);
  out.resize(bytes);
  return out;
}

std::vector<std::size_t> network_order(const io::ParcelTable& parcels) {
  std::vector<std::string> networks;
  const std::vector<std::size_t> network = connectivity::networks_of(parcels, networks);
  std::vector<std::size_t> order(parcels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t p) { return network[p]; });
  return order;
}

Figure matrix_figure(std::span<const double> matrix, const io::ParcelTable& parcels, const MatrixPicture& picture) {
  const std::size_t count = parcels.size();
  BRAINMT_CHECK(matrix.size() == count * count && picture.limit > 0, "{} entries of {} parcels", matrix.size(), count);
  const std::vector<std::size_t> order = network_order(parcels);
  std::vector<std::uint8_t> pixels;
  for (const std::size_t i : order) {
    for (const std::size_t j : order) pixels.push_back(index_of(matrix[i * count + j], picture));
  }
  const auto palette = palette_of(picture.scale);
  const std::vector<NetworkBlock> blocks = blocks_of(parcels, order);
  std::size_t longest = 0;
  for (const NetworkBlock& block : blocks) longest = std::max(longest, std::min<std::size_t>(block.name.size(), 24));
  const double left = kBar + kGap + 10 + kLetters * static_cast<double>(longest), right = left + kSide + 14;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"{2}\">\n<title>{3}</title>\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"white\"/>\n",
      right + kScaleWidth + 40, kTop + kSide + 14, kInk, escaped(picture.title));
  svg += image(left, kTop, kSide, kSide, png_of(pixels, count, count, palette));
  svg += network_marks(blocks, count, left);
  svg += fmt::format("<rect x=\"{:g}\" y=\"{:g}\" width=\"{:g}\" height=\"{:g}\" fill=\"none\" stroke=\"{}\"/>\n", left,
                     kTop, kSide, kSide, kInk);
  svg += colour_bar(right, picture, palette) + "</svg>\n";
  return {.title = picture.title, .svg = std::move(svg), .note = picture.note};
}

}  // namespace brainmt::analysis
