#include "analysis/comparison_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/shown_numbers.hpp"
#include "analysis/svg_plot.hpp"

namespace brainmt::analysis {
namespace {

using Point = SvgPlot::Point;

const PlotShape kSquare{.width = 300, .height = 300};

double probability(double logit) { return 1 / (1 + std::exp(-logit)); }

// Pixels of a forest plot.
constexpr double kWidth = 480, kLeft = 12, kRight = 320, kTop = 6, kRow = 40, kBottom = 52;
constexpr double kNumbers = 472;  // where they end, in a column without grid lines

class Forest {
 public:
  Forest(Range range, std::size_t rows) : range_(range), bottom_(kTop + kRow * static_cast<double>(rows)) {
    text_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" viewBox=\"0 0 {0:g} {1:g}\" "
        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#333333\">\n"
        "<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"white\"/>\n",
        kWidth, bottom_ + kBottom);
  }

  void axis(const std::string& label) {
    for (const double tick : tick_values(range_)) {
      line(x(tick), kTop, x(tick), bottom_, "stroke=\"#e6e6e6\"");
      line(x(tick), bottom_, x(tick), bottom_ + 5, "stroke=\"#333333\"");
      write(std::clamp(x(tick), 18.0, kRight), bottom_ + 19, "text-anchor=\"middle\"", fmt::format("{:.6g}", tick));
    }
    line(kLeft, bottom_, kRight, bottom_, "stroke=\"#333333\"");
    constexpr std::size_t kLong = 44;  // characters that do not fit below the axis
    write(label.size() < kLong ? (kLeft + kRight) / 2 : kWidth / 2, bottom_ + 42,
          "text-anchor=\"middle\" font-size=\"13\"", label);
  }

  void reference(double value) {
    line(x(value), kTop, x(value), bottom_, "stroke=\"#8c8c8c\" stroke-dasharray=\"5 4\"");
  }

  void row(std::size_t number, const ForestRow& row) {
    const double top = kTop + kRow * static_cast<double>(number), middle = top + 27;
    const Estimate& e = row.estimate;
    // A white rim, so that grid lines do not cross the letters.
    constexpr const char* kRim = "stroke=\"white\" stroke-width=\"4\" paint-order=\"stroke\"";
    write(kLeft, top + 14, kRim, short_name(row.name));
    write(kNumbers, middle + 4, "text-anchor=\"end\"",
          std::isfinite(e.value) ? fmt::format("{} {}", shown(e.value), shown_interval(e)) : "not defined");
    const std::string_view colour = series_colour(row.colour);
    if (std::isfinite(e.low) && std::isfinite(e.high)) {
      const std::string stroke = fmt::format("stroke=\"{}\" stroke-width=\"2.2\"", colour);
      line(x(e.low), middle, x(e.high), middle, stroke);
      for (const double end : {e.low, e.high}) line(x(end), middle - 4, x(end), middle + 4, stroke);
    }
    if (std::isfinite(e.value))
      text_ += fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"4.5\" fill=\"{}\"/>\n", x(e.value), middle, colour);
  }

  std::string document() const { return text_ + "</svg>\n"; }

 private:
  double x(double value) const { return kLeft + (kRight - kLeft) * (value - range_.low) / (range_.high - range_.low); }
  void line(double x1, double y1, double x2, double y2, const std::string& look) {
    text_ += fmt::format("<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\" {}/>\n", x1, y1, x2, y2, look);
  }
  void write(double x, double y, const std::string& look, const std::string& content) {
    text_ += fmt::format("<text x=\"{:.2f}\" y=\"{:.2f}\" {}>{}</text>\n", x, y, look, escaped(content));
  }

  Range range_;
  double bottom_;
  std::string text_;
};

}  // namespace

std::string short_name(const std::string& name, std::size_t characters) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(name[i]) & 0xC0) != 0x80;  // of a character in UTF-8
    if (begins && ++count > characters) return name.substr(0, i) + "…";
  }
  return name;
}

Figure forest_figure(const std::string& title, const std::string& x_label, const std::vector<ForestRow>& rows,
                     std::optional<double> reference, const std::string& note) {
  std::vector<double> values;
  for (const ForestRow& row : rows)
    values.insert(values.end(), {row.estimate.value, row.estimate.low, row.estimate.high});
  if (reference) values.push_back(*reference);
  Forest forest(range_of(values), rows.size());
  forest.axis(x_label);
  if (reference && std::isfinite(*reference)) forest.reference(*reference);
  for (std::size_t r = 0; r < rows.size(); ++r) forest.row(r, rows[r]);
  return {.title = title, .svg = forest.document(), .note = note};
}

std::vector<BothPredictions> both_predictions(const Repeats& a, const Repeats& b) {
  struct Sums {
    BothPredictions sums;
    double count = 0;
  };
  std::map<std::string, Sums> people;
  for (const auto& [seed, repeat] : a) {
    const auto other = b.find(seed);
    if (other == b.end()) continue;
    for (const auto& [id, one] : repeat) {
      const auto found = other->second.find(id);
      if (found == other->second.end()) continue;
      Sums& person = people[id];
      person.sums.truth = one.truth;
      person.sums.a += one.score;
      person.sums.b += found->second.score;
      ++person.count;
    }
  }
  std::vector<BothPredictions> all;
  for (const auto& [id, person] : people)
    all.push_back({person.sums.truth, person.sums.a / person.count, person.sums.b / person.count});
  return all;
}

Figure agreement_figure(const std::vector<BothPredictions>& people, const std::string& a, const std::string& b,
                        const TargetKind& target, const std::array<std::string, 2>& names) {
  const bool classes = target.task == task::Task::kClassification;
  const std::string what = classes ? fmt::format("probability of {}, ", names[1]) : "predicted " + target.name + ", ";
  std::vector<double> values;
  for (const BothPredictions& p : people) values.insert(values.end(), {p.a, p.b});
  const Range range = classes ? Range{0, 1} : range_of(values);
  SvgPlot plot({.title = {}, .note = {}, .x_label = short_name(what + b, 48), .y_label = short_name(what + a, 48)},
               range, range, kSquare);
  const std::array<Point, 2> equal{{{range.low, range.low}, {range.high, range.high}}};
  plot.line(equal, SvgPlot::Stroke::kReference);
  for (const BothPredictions& p : people) {
    const Point point = classes ? Point{probability(p.b), probability(p.a)} : Point{p.b, p.a};
    plot.dot(point, classes && p.truth == 1.0 ? 1 : 0);
  }
  Figure figure{.title = "Both predictions", .svg = plot.document(), .note = "Dashed: both predict the same."};
  if (classes) figure.legend = {{names[0], 0}, {names[1], 1}};
  return figure;
}

Agreement agreement_of(const std::vector<BothPredictions>& people) {
  const auto n = static_cast<double>(people.size());
  Agreement agreement;
  for (const BothPredictions& p : people) agreement.mean += (p.a - p.b) / n;
  double squares = 0;
  for (const BothPredictions& p : people) squares += std::pow(p.a - p.b - agreement.mean, 2);
  agreement.sd = people.size() > 1 ? std::sqrt(squares / (n - 1)) : 0.0;
  return agreement;
}

Figure bland_altman_figure(const std::vector<BothPredictions>& people, const std::string& a, const std::string& b) {
  const Agreement agreement = agreement_of(people);
  const double low = agreement.mean - 1.96 * agreement.sd, high = agreement.mean + 1.96 * agreement.sd;
  std::vector<double> means, differences{low, high, 0};
  for (const BothPredictions& p : people) {
    means.push_back(0.5 * (p.a + p.b));
    differences.push_back(p.a - p.b);
  }
  const Range x = range_of(means);
  SvgPlot plot(
      {.title = {}, .note = {}, .x_label = "mean of both predictions", .y_label = short_name(a + " − " + b, 44)}, x,
      range_of(differences), kSquare);
  for (const double y : {low, high}) {
    const std::array<Point, 2> limit{{{x.low, y}, {x.high, y}}};
    plot.line(limit, SvgPlot::Stroke::kReference);
  }
  for (std::size_t i = 0; i < people.size(); ++i) plot.dot({means[i], people[i].a - people[i].b});
  const std::array<Point, 2> middle{{{x.low, agreement.mean}, {x.high, agreement.mean}}};
  plot.line(middle, SvgPlot::Stroke::kCurve, 1);
  return {.title = "Bland–Altman",
          .svg = plot.document(),
          .note = fmt::format("Line: mean difference {:.3g}. Dashed: limits of agreement {:.3g} and {:.3g}.",
                              agreement.mean, low, high)};
}

Table agreement_table(const std::vector<BothPredictions>& people, const std::string& a, const std::string& b) {
  std::array<std::array<std::size_t, 2>, 2> counts{};  // [a right][b right]
  for (const BothPredictions& p : people) ++counts[(p.a >= 0) == (p.truth == 1.0)][(p.b >= 0) == (p.truth == 1.0)];
  const auto row = [&](const std::string& what, std::size_t count) {
    const double share = people.empty() ? 0 : 100.0 * static_cast<double>(count) / static_cast<double>(people.size());
    return std::vector<std::string>{what, fmt::format("{}", count), fmt::format("{:.0f} %", share)};
  };
  return {.columns = {{"who is right"}, {"participants", Table::Align::kNumber}, {"share", Table::Align::kNumber}},
          .rows = {row("both", counts[1][1]), row(a + " alone", counts[1][0]), row(b + " alone", counts[0][1]),
                   row("neither", counts[0][0])}};
}

}  // namespace brainmt::analysis
