#pragma once
// A square plot with linear axes as one self-contained SVG document: a title, a note below it, ticks, axis labels, and
// on top of them lines and points in data coordinates. Nothing is drawn outside the frame.
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

class SvgPlot {
 public:
  using Point = std::array<double, 2>;  // x, y in data coordinates
  enum class Stroke { kCurve, kReference };

  SvgPlot(const PlotText& text, Range x, Range y);

  /// A line through the points, in this order; the dashed reference lies back.
  void line(std::span<const Point> points, Stroke stroke);
  /// A dot; none where a coordinate is not finite or outside the axes.
  void dot(Point point);

  /// The whole document.
  std::string document() const { return text_ + "</svg>\n"; }

 private:
  void axes(const PlotText& text);
  void write(Point pixel, std::string_view attributes, const std::string& content);
  Point pixel_of(Point point) const;

  Range x_, y_;
  std::string text_;
};

}  // namespace brainmt::analysis
