#include "analysis/svg_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/html.hpp"
#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

// Pixels around the frame.
constexpr double kLeft = 76, kTitle = 64, kNoTitle = 12, kRight = 24, kBottom = 60;
constexpr double kTickLength = 5, kDotRadius = 3.5;
constexpr const char* kInk = "#333333";

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
  // Tolerance for rounding: a tick at the edge belongs to the range.
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

SvgPlot::SvgPlot(const PlotText& text, Range x, Range y, const PlotShape& shape)
    : x_(x), y_(y), shape_(shape), top_(text.title.empty() ? kNoTitle : kTitle) {
  BRAINMT_CHECK(x.low < x.high && y.low < y.high, "an axis of no width");
  BRAINMT_CHECK(!shape.log_x || x.low > 0, "a logarithmic axis from {}", x.low);
  const double width = kLeft + shape.width + kRight, height = top_ + shape.height + kBottom;
  text_ = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" viewBox=\"0 0 {0:g} {1:g}\" "
      "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"{2}\">\n",
      width, height, kInk);
  if (!text.title.empty()) text_ += fmt::format("<title>{}</title>\n", escaped(text.title));
  text_ += fmt::format("<rect width=\"{:g}\" height=\"{:g}\" fill=\"white\"/>\n", width, height);
  axes(text);
}

void SvgPlot::axes(const PlotText& text) {
  constexpr const char* kGrid = "#e6e6e6";
  const double bottom = top_ + shape_.height, right = kLeft + shape_.width, middle = kLeft + shape_.width / 2;
  for (const double tick : shape_.x_ticks.empty() ? tick_values(x_) : shape_.x_ticks) {
    const double x = pixel_of({tick, y_.low})[0];
    text_ += segment(x, top_, x, bottom, kGrid) + segment(x, bottom, x, bottom + kTickLength, kInk);
    write({x, bottom + 19}, "text-anchor=\"middle\"", fmt::format("{:.6g}", tick));
  }
  for (const double tick : tick_values(y_)) {
    const double y = pixel_of({x_.low, tick})[1];
    text_ += segment(kLeft, y, right, y, kGrid) + segment(kLeft - kTickLength, y, kLeft, y, kInk);
    write({kLeft - 9, y + 4}, "text-anchor=\"end\"", fmt::format("{:.6g}", tick));
  }
  text_ += fmt::format("<rect x=\"{:g}\" y=\"{:g}\" width=\"{:g}\" height=\"{:g}\" fill=\"none\" stroke=\"{}\"/>\n",
                       kLeft, top_, shape_.width, shape_.height, kInk);
  if (!text.title.empty()) {
    write({middle, 28}, "text-anchor=\"middle\" font-size=\"16\" font-weight=\"bold\"", text.title);
    write({middle, 50}, "text-anchor=\"middle\"", text.note);
  }
  write({middle, bottom + kBottom - 16}, "text-anchor=\"middle\" font-size=\"13\"", text.x_label);
  const double centre = top_ + shape_.height / 2;
  write({20, centre}, fmt::format("text-anchor=\"middle\" font-size=\"13\" transform=\"rotate(-90 20 {:g})\"", centre),
        text.y_label);
}

void SvgPlot::write(Point pixel, std::string_view attributes, const std::string& content) {
  text_ +=
      fmt::format("<text x=\"{:.2f}\" y=\"{:.2f}\" {}>{}</text>\n", pixel[0], pixel[1], attributes, escaped(content));
}

SvgPlot::Point SvgPlot::pixel_of(Point point) const {
  const double along = shape_.log_x ? std::log(point[0] / x_.low) / std::log(x_.high / x_.low)
                                    : (point[0] - x_.low) / (x_.high - x_.low);
  return {kLeft + shape_.width * along, top_ + shape_.height * (y_.high - point[1]) / (y_.high - y_.low)};
}

SvgPlot::Point SvgPlot::clamped(Point point) const {
  return {std::clamp(point[0], x_.low, x_.high), std::clamp(point[1], y_.low, y_.high)};
}

void SvgPlot::line(std::span<const Point> points, Stroke stroke, std::size_t series) {
  const std::string look =
      stroke != Stroke::kReference
          ? fmt::format("stroke=\"{}\" stroke-width=\"2.2\" stroke-linejoin=\"round\"{}", series_colour(series),
                        stroke == Stroke::kDashed ? " stroke-dasharray=\"9 9\"" : "")
          : "stroke=\"#8c8c8c\" stroke-dasharray=\"5 4\"";
  std::string path;
  const auto end_piece = [&] {
    if (!path.empty()) text_ += fmt::format("<polyline points=\"{}\" fill=\"none\" {}/>\n", path, look);
    path.clear();
  };
  for (const Point& point : points) {
    if (!std::isfinite(point[0]) || !std::isfinite(point[1])) {
      end_piece();
      continue;
    }
    const Point pixel = pixel_of(point);
    path += fmt::format("{}{:.2f},{:.2f}", path.empty() ? "" : " ", pixel[0], pixel[1]);
  }
  end_piece();
}

void SvgPlot::band(std::span<const double> x, std::span<const double> low, std::span<const double> high,
                   std::size_t series) {
  std::string there, back;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(low[i]) || !std::isfinite(high[i])) continue;
    const Point a = pixel_of(clamped({x[i], low[i]})), b = pixel_of(clamped({x[i], high[i]}));
    there += fmt::format("{}{:.2f},{:.2f}", there.empty() ? "" : " ", a[0], a[1]);
    back = fmt::format(" {:.2f},{:.2f}", b[0], b[1]) + back;
  }
  if (there.empty()) return;
  text_ +=
      fmt::format("<polygon points=\"{}{}\" fill=\"{}\" fill-opacity=\"0.15\"/>\n", there, back, series_colour(series));
}

void SvgPlot::error_bar(double x, double low, double high, std::size_t series) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(x >= x_.low && x <= x_.high)) return;
  constexpr double kCap = 4;
  const Point a = pixel_of(clamped({x, low})), b = pixel_of(clamped({x, high}));
  const std::string_view colour = series_colour(series);
  text_ += segment(a[0], a[1], b[0], b[1], colour) + segment(a[0] - kCap, a[1], a[0] + kCap, a[1], colour) +
           segment(b[0] - kCap, b[1], b[0] + kCap, b[1], colour);
}

void SvgPlot::box(Point low, Point high, std::size_t series) {
  if (!std::isfinite(low[0] + low[1] + high[0] + high[1])) return;
  const Point a = pixel_of(clamped(low)), b = pixel_of(clamped(high));
  text_ += fmt::format(
      "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\" fill-opacity=\"0.55\" "
      "stroke=\"white\" stroke-width=\"0.8\"/>\n",
      std::min(a[0], b[0]), std::min(a[1], b[1]), std::abs(b[0] - a[0]), std::abs(b[1] - a[1]), series_colour(series));
}

void SvgPlot::dot(Point point, std::size_t series) {
  // Written so that NaN is outside too.
  const bool inside = point[0] >= x_.low && point[0] <= x_.high && point[1] >= y_.low && point[1] <= y_.high;
  if (!inside) return;
  const Point pixel = pixel_of(point);
  text_ += fmt::format(
      "<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{}\" fill=\"{}\" fill-opacity=\"0.6\" stroke=\"white\" "
      "stroke-width=\"0.6\"/>\n",
      pixel[0], pixel[1], kDotRadius, series_colour(series));
}

void SvgPlot::label(Point point, const std::string& text, std::string_view colour) {
  const Point pixel = pixel_of(clamped(point));
  write({pixel[0], pixel[1] + 4}, fmt::format("text-anchor=\"middle\" style=\"fill:{}\"", colour), text);
}

}  // namespace brainmt::analysis
