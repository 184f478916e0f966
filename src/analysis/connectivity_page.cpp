#include "analysis/connectivity_page.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "analysis/html.hpp"
#include "analysis/matrix_figure.hpp"
#include "analysis/svg_plot.hpp"
#include "connectivity/estimators.hpp"

namespace brainmt::analysis {
namespace {

using connectivity::FcFile;
using connectivity::FcStatistics;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kManyLack = 0.1;  // share of participants

bool is_fisher(const FcFile& file) { return file.metadata().value("definition", "").starts_with("Fisher z"); }

std::string or_dash(double value, int digits = 2) {
  return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, digits);
}

std::string kind_text(const std::string& kind) {
  if (kind == "pearson") return "Pearson correlation";
  if (kind == "shrunk") return "Correlation of shrunk covariances";
  if (kind == "partial") return "Partial correlation";
  return kind == "tangent" ? "Tangent space of covariances" : "Imported connectivity";
}

// [P, P] of a vector of edges. The diagonal says nothing and is NaN; of tangent vectors it is behind the edges.
std::vector<double> square(const FcFile& file, const std::vector<double>& edges) {
  const std::size_t count = file.parcels().size();
  std::vector<double> matrix(count * count, kNan);
  const auto pairs = connectivity::edges_of(count, file.has_diagonal());
  for (std::size_t e = 0; e < pairs.size(); ++e) {
    const auto [a, b] = pairs[e];
    const double value = file.has_diagonal() && a != b ? edges[e] / std::numbers::sqrt2 : edges[e];
    matrix[a * count + b] = matrix[b * count + a] = value;
  }
  return matrix;
}

// The 99.5th percentile of |value|: one strong edge does not make all others pale.
double limit_of(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return 1;
  for (double& value : values) value = std::abs(value);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(0.995 * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at > 0 ? *at : 1;
}

std::vector<Figure> matrices(const FcFile& file, const FcStatistics& s) {
  const bool correlation = is_fisher(file) || file.description().values == "partial";
  std::vector<double> mean = s.mean;
  if (is_fisher(file)) {
    for (double& value : mean) value = std::tanh(value);
  }
  const std::string what = is_fisher(file) ? "tanh of the mean Fisher z over participants"
                           : file.description().values == "tangent"
                               ? "mean over participants; 0 is the reference of the "
                                 "training people"
                               : "mean over participants";
  const std::string grey = file.has_diagonal() ? "missing" : "missing, and the diagonal";
  const std::string order = s.networks.size() > 1 ? " Parcels by network." : "";
  return {matrix_figure(square(file, mean), file.parcels(),
                        {.title = "Mean connectivity",
                         .note = fmt::format("{}. Grey: {}.{}", what, grey, order),
                         .scale_label = correlation ? "r" : "value",
                         .scale = ColourScale::kSigned,
                         .limit = correlation ? 1 : limit_of(mean)}),
          matrix_figure(square(file, s.sd), file.parcels(),
                        {.title = "Standard deviation over participants",
                         .note = fmt::format("Of {}. Grey: {}.{}", is_fisher(file) ? "Fisher z" : "the stored values",
                                             grey, order),
                         .scale_label = "sd",
                         .scale = ColourScale::kPositive,
                         .limit = limit_of(s.sd)})};
}

Figure motion_figure(const FcFile& file, const FcStatistics& s) {
  std::vector<double> fd;
  for (const connectivity::FcRow& row : file.participants()) fd.push_back(row.mean_fd);
  SvgPlot plot({.title = "", .note = "", .x_label = "mean framewise displacement, mm", .y_label = "mean connectivity"},
               range_of(fd), range_of(s.mean_fc), {.width = 360, .height = 300});
  for (std::size_t i = 0; i < fd.size(); ++i) plot.dot({fd[i], s.mean_fc[i]});
  return {.title = "Connectivity against motion",
          .svg = plot.document(),
          .note = fmt::format("A dot a participant; r = {} over {} participants.", or_dash(s.motion), s.motion_known)};
}

// All edges, then the blocks of two networks that go most with motion.
Table strongest_blocks(const FcStatistics& s) {
  constexpr std::size_t kShown = 8;
  struct Block {
    std::string name;
    double r;
  };
  std::vector<Block> blocks;
  const auto name = [&](std::size_t n) { return s.networks[n].empty() ? "none" : s.networks[n]; };
  for (std::size_t i = 0; i < s.networks.size() && s.networks.size() > 1; ++i) {
    for (std::size_t j = i; j < s.networks.size(); ++j) {
      if (!std::isnan(s.block_motion(i, j))) blocks.push_back({name(i) + " with " + name(j), s.block_motion(i, j)});
    }
  }
  std::ranges::stable_sort(blocks, std::greater(), [](const Block& block) { return std::abs(block.r); });
  blocks.resize(std::min(blocks.size(), kShown));
  Table table{{{"edges"}, {"r with mean FD", Table::Align::kNumber}}, {{"all", or_dash(s.motion)}}};
  for (const Block& block : blocks) table.rows.push_back({block.name, or_dash(block.r)});
  return table;
}

Table motion_table(const FcStatistics& s) {
  Table table{{{"network"}}, {}};
  for (const std::string& name : s.networks)
    table.columns.push_back({name.empty() ? "none" : name, Table::Align::kNumber});
  for (std::size_t i = 0; i < s.networks.size(); ++i) {
    std::vector<std::string> row{s.networks[i].empty() ? "none" : s.networks[i]};
    for (std::size_t j = 0; j < s.networks.size(); ++j) row.push_back(or_dash(s.block_motion(i, j)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Of each parcel, the participants that have none of its edges: it is missing there, whatever the others are.
std::vector<double> missing_share(const FcFile& file, const FcStatistics& s) {
  const std::size_t count = file.parcels().size();
  std::vector<std::size_t> known(count);
  const auto pairs = connectivity::edges_of(count);
  for (std::size_t e = 0; e < pairs.size(); ++e) {
    for (const std::uint32_t p : {pairs[e].a, pairs[e].b}) known[p] = std::max(known[p], s.known[e]);
  }
  std::vector<double> share(count);
  const auto people = static_cast<double>(file.participants().size());
  for (std::size_t p = 0; p < count; ++p) share[p] = 1 - static_cast<double>(known[p]) / people;
  return share;
}

void add_missing(HtmlPage& page, const FcFile& file, const FcStatistics& s) {
  const std::vector<double> share = missing_share(file, s);
  Table table{{{"index", Table::Align::kNumber}, {"name"}, {"network"}, {"missing in", Table::Align::kNumber}}, {}};
  for (std::size_t p = 0; p < share.size(); ++p) {
    if (share[p] <= kManyLack) continue;
    table.rows.push_back({std::to_string(file.parcels().index[p]), file.parcels().name[p], file.parcels().network[p],
                          fmt::format("{:.0f} %", 100 * share[p])});
  }
  page.section("Missing parcels");
  if (table.rows.empty()) {
    page.paragraph(fmt::format("No parcel is missing in more than {:.0f} % of the participants.", 100 * kManyLack));
  } else {
    page.paragraph("Parcels that more than 10 % of the participants lack: not covered by their scans, or constant.");
    page.table(table);
  }
}

Table metadata_table(const FcFile& file) {
  Table table{{{"entry"}, {"value"}}, {}};
  for (const auto& [name, value] : file.metadata().items())
    table.rows.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  return table;
}

}  // namespace

std::string connectivity_page(const FcFile& file, const FcStatistics& s, const std::string& program) {
  const auto& m = file.metadata();
  const std::string fitted = m.value("fitted", "none");
  HtmlPage page(
      "Functional connectivity",
      fmt::format("{} of {} participants, {} parcels{}.", kind_text(m.value("kind", "")), file.participants().size(),
                  file.parcels().size(),
                  file.parcels().atlas.empty() ? "" : fmt::format(" of the atlas “{}”", file.parcels().atlas)));
  std::uint64_t missing = 0, runs = 0;
  for (const connectivity::FcRow& row : file.participants()) missing += row.edges_missing, runs += row.runs;
  const double all = static_cast<double>(file.edges()) * static_cast<double>(file.participants().size());
  page.facts(
      std::vector<Fact>{{"participants", std::to_string(file.participants().size()), fmt::format("{} runs", runs)},
                        {"edges", std::to_string(file.edges()),
                         fmt::format("{:.2g} % missing", 100 * static_cast<double>(missing) / all)},
                        {"training part", fitted == "none" ? "not used" : "fitted on",
                         fitted == "none" ? "nothing is fitted over participants" : fitted},
                        {"with motion", or_dash(s.motion), "r of mean connectivity with mean FD"}});
  page.section("Matrices");
  page.figures(matrices(file, s));
  add_missing(page, file, s);
  if (s.motion_known > 2) {
    page.section(
        "Motion",
        "Connectivity that rises or falls with head motion is partly motion; compare what follows with and without "
        "its linear effect.");
    page.beside(strongest_blocks(s), motion_figure(file, s));
    if (s.networks.size() > 1) {
      page.subsection("By blocks of two networks");
      page.table(motion_table(s));
    }
  }
  page.section("How it was made");
  page.folded_table("Metadata of the file", metadata_table(file));
  return page.document(program);
}

}  // namespace brainmt::analysis
