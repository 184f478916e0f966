#include "analysis/svg_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

// Pixels. The frame is square, so that the diagonal of equal ranges is one.
constexpr double kLeft = 76, kTop = 64, kSide = 384, kRight = 24, kBottom = 60;
constexpr double kWidth = kLeft + kSide + kRight, kHeight = kTop + kSide + kBottom;
constexpr double kTickLength = 5, kDotRadius = 3.5;
constexpr const char* kInk = "#333333";

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return result;
}

std::string segment(double x1, double y1, double x2, double y2, std::string_view stroke) {
  return fmt::format("<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2,
                     stroke);
}

}  // namespace

std::vector<double> tick_values(Range range) {
  const double raw = (range.high - range.low) / 5.0;
  const double decade = std::pow(10.0, std::floor(std::log10(raw)));
  double step = decade;
  for (const double factor : {2.0, 5.0, 10.0})
    if (std::abs(std::log(factor * decade / raw)) < std::abs(std::log(step / raw))) step = factor * decade;
  // A tick at the very edge belongs to the range, whatever the rounding.
  const double slack = 1e-9 * (range.high - range.low);
  std::vector<double> ticks;
  for (double k = std::ceil((range.low - slack) / step); k * step <= range.high + slack; ++k)
    ticks.push_back(k == 0 ? 0.0 : k * step);
  return ticks;
}

Range range_of(std::span<const double> values) {
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range = {std::min(range.low, value), std::max(range.high, value)};
  }
  if (range.low > range.high) return {};
  const double width = range.high - range.low;
  const double margin = width > 0 ? 0.05 * width : std::max(0.5, 0.05 * std::abs(range.low));
  return {range.low - margin, range.high + margin};
}

SvgPlot::SvgPlot(const PlotText& text, Range x, Range y) : x_(x), y_(y) {
  BRAINMT_CHECK(x.low < x.high && y.low < y.high, "an axis of no width");
  text_ = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" viewBox=\"0 0 {0:g} {1:g}\" "
      "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"{2}\">\n"
      "<title>{3}</title>\n"
      "<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"white\"/>\n",
      kWidth, kHeight, kInk, escaped(text.title));
  axes(text);
}

void SvgPlot::axes(const PlotText& text) {
  constexpr const char* kGrid = "#e6e6e6";
  const double bottom = kTop + kSide, middle = kLeft + kSide / 2;
  for (const double tick : tick_values(x_)) {
    const double x = pixel_of({tick, y_.low})[0];
    text_ += segment(x, kTop, x, bottom, kGrid) + segment(x, bottom, x, bottom + kTickLength, kInk);
    write({x, bottom + 19}, "text-anchor=\"middle\"", fmt::format("{:.6g}", tick));
  }
  for (const double tick : tick_values(y_)) {
    const double y = pixel_of({x_.low, tick})[1];
    text_ += segment(kLeft, y, kLeft + kSide, y, kGrid) + segment(kLeft - kTickLength, y, kLeft, y, kInk);
    write({kLeft - 9, y + 4}, "text-anchor=\"end\"", fmt::format("{:.6g}", tick));
  }
  text_ += fmt::format("<rect x=\"{:g}\" y=\"{:g}\" width=\"{:g}\" height=\"{:g}\" fill=\"none\" stroke=\"{}\"/>\n",
                       kLeft, kTop, kSide, kSide, kInk);
  write({middle, 28}, "text-anchor=\"middle\" font-size=\"16\" font-weight=\"bold\"", text.title);
  write({middle, 50}, "text-anchor=\"middle\"", text.note);
  write({middle, kHeight - 16}, "text-anchor=\"middle\" font-size=\"13\"", text.x_label);
  const double centre = kTop + kSide / 2;
  write({20, centre}, fmt::format("text-anchor=\"middle\" font-size=\"13\" transform=\"rotate(-90 20 {:g})\"", centre),
        text.y_label);
}

void SvgPlot::write(Point pixel, std::string_view attributes, const std::string& content) {
  text_ +=
      fmt::format("<text x=\"{:.2f}\" y=\"{:.2f}\" {}>{}</text>\n", pixel[0], pixel[1], attributes, escaped(content));
}

SvgPlot::Point SvgPlot::pixel_of(Point point) const {
  return {kLeft + kSide * (point[0] - x_.low) / (x_.high - x_.low),
          kTop + kSide * (y_.high - point[1]) / (y_.high - y_.low)};
}

void SvgPlot::line(std::span<const Point> points, Stroke stroke) {
  std::string places;
  for (const Point& point : points) {
    const Point pixel = pixel_of(point);
    places += fmt::format("{}{:.2f},{:.2f}", places.empty() ? "" : " ", pixel[0], pixel[1]);
  }
  text_ += fmt::format("<polyline points=\"{}\" fill=\"none\" {}/>\n", places,
                       stroke == Stroke::kCurve ? "stroke=\"#1f5a94\" stroke-width=\"2.2\" stroke-linejoin=\"round\""
                                                : "stroke=\"#8c8c8c\" stroke-dasharray=\"5 4\"");
}

void SvgPlot::dot(Point point) {
  // Written so that NaN is outside too.
  const bool inside = point[0] >= x_.low && point[0] <= x_.high && point[1] >= y_.low && point[1] <= y_.high;
  if (!inside) return;
  const Point pixel = pixel_of(point);
  text_ += fmt::format(
      "<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{}\" fill=\"#1f5a94\" fill-opacity=\"0.6\" stroke=\"white\" "
      "stroke-width=\"0.6\"/>\n",
      pixel[0], pixel[1], kDotRadius);
}

}  // namespace brainmt::analysis
