#pragma once
// A plot as one self-contained SVG document: a title and a note where given, ticks, axis labels, and on top of them
// lines, bands, bars and points in data coordinates. Square, with linear axes, unless asked otherwise. Nothing is drawn
// outside the frame.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::analysis {

struct Range {
  double low = 0.0;
  double high = 1.0;
};

/// The multiples of 1, 2 or 5 times a power of ten in the range that come closest to five steps over it. `range` must
/// be finite, with low < high.
std::vector<double> tick_values(Range range);

/// The range of the finite ones among `values` with a margin of 5 % on both sides; of a width above zero, also for one
/// value or none.
Range range_of(std::span<const double> values);

struct PlotText {
  std::string title;
  std::string note;
  std::string x_label;
  std::string y_label;
};

struct PlotShape {
  double width = 384, height = 384;  // of the frame inside the axes, pixels
  bool log_x = false;                // the range of x must be above zero
  std::vector<double> x_ticks = {};  // instead of round numbers
};

class SvgPlot {
 public:
  using Point = std::array<double, 2>;                // x, y in data coordinates
  enum class Stroke { kCurve, kDashed, kReference };  // kDashed: a curve on top of another

  SvgPlot(const PlotText& text, Range x, Range y, const PlotShape& shape = {});

  // Series are drawn in the colour of their number (series_colour in html.hpp).

  /// A line through the points, in this order, with a gap where one is not finite; the dashed reference lies back.
  void line(std::span<const Point> points, Stroke stroke, std::size_t series = 0);
  /// The area between low[i] and high[i] over x[i]; points where one of them is not finite are left out.
  void band(std::span<const double> x, std::span<const double> low, std::span<const double> high,
            std::size_t series = 0);
  /// A vertical bar with caps at `x` from low to high, cut at the frame; none where one is not finite.
  void error_bar(double x, double low, double high, std::size_t series = 0);
  /// A filled rectangle from `low` to `high`, the corners of a histogram's column, cut at the frame.
  void box(Point low, Point high, std::size_t series = 0);
  /// A dot; none where a coordinate is not finite or outside the axes.
  void dot(Point point, std::size_t series = 0);
  /// Text centred on a point inside the axes.
  void label(Point point, const std::string& text, std::string_view colour = "#333333");

  /// The whole document.
  std::string document() const { return text_ + "</svg>\n"; }

 private:
  void axes(const PlotText& text);
  void write(Point pixel, std::string_view attributes, const std::string& content);
  Point pixel_of(Point point) const;

  Point clamped(Point point) const;

  Range x_, y_;
  PlotShape shape_;
  double top_;  // pixels above the frame
  std::string text_;
};

}  // namespace brainmt::analysis
