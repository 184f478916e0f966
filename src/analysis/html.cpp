#include "analysis/html.hpp"

#include <fmt/format.h>

#include <array>

#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

constexpr std::string_view kStyle = R"css(
:root { --ink: #1d2733; --soft: #5d6b7a; --line: #dfe4ea; --fill: #f6f8fa; --accent: #1f5a94; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", "Liberation Sans", Arial, sans-serif; -webkit-text-size-adjust: 100%; }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 44px; padding-bottom: 6px; }
h1 { font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; margin: 0 0 8px; }
header p, .lead { color: var(--soft); margin: 0 0 14px; max-width: 72ch; }
section { margin-top: 38px; }
h2 { font-size: 20px; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 10px; padding-bottom: 7px;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 16px; font-weight: 600; margin: 26px 0 10px; }
p { margin: 0 0 12px; max-width: 76ch; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(158px, 1fr)); gap: 12px; margin: 14px 0 18px; }
.fact { background: var(--fill); border-radius: 8px; padding: 11px 14px 12px; min-width: 0; }
.fact .label { font-size: 13px; color: var(--soft); }
.fact .value { font-size: 23px; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
.fact .note { font-size: 12.5px; line-height: 1.4; color: var(--soft); font-variant-numeric: tabular-nums; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 26px 32px;
  margin: 16px 0 8px; }
figure { margin: 0; min-width: 0; max-width: 640px; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; }
.name { font-size: 15px; font-weight: 600; margin-bottom: 2px; }
.figures figure:only-child { max-width: 860px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--soft); min-height: 20px; }
.legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle; }
figcaption { font-size: 13px; line-height: 1.45; color: var(--soft); margin-top: 2px; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 8px 40px;
  align-items: start; }
.beside .scroll, .beside figure { min-width: 0; }
.beside figure { margin-top: 12px; }
.scroll { overflow-x: auto; margin: 12px 0 18px; }
table { border-collapse: collapse; font-size: 14px; line-height: 1.4; min-width: 320px; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; border-bottom: 1px solid #c3cbd4;
  white-space: nowrap; }
th, td { padding: 6px 22px 6px 0; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; min-width: 74px; }
td:not(.number) { min-width: 130px; }
td:first-child { white-space: nowrap; min-width: 74px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.beside th, .beside td { padding-right: 14px; white-space: normal; min-width: 0; }
.beside td:first-child, .beside td:not(.number) { min-width: 90px; }
.beside .number { white-space: nowrap; }
.beside th.number { white-space: normal; }
details { margin: 12px 0; }
summary { cursor: pointer; color: var(--accent); font-size: 15px; }
footer { color: var(--soft); font-size: 13px; margin-top: 48px; padding-top: 14px; padding-bottom: 40px; }
@media (max-width: 560px) {
  main, header, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 26px; }
  h1 { font-size: 24px; }
  .facts { grid-template-columns: repeat(2, 1fr); gap: 8px; }
  .fact { padding: 9px 11px; }
  .fact .value { font-size: 20px; }
  table { font-size: 13px; }
  th, td { padding-right: 12px; }
  th, th.number, td:first-child { white-space: normal; }
  td, td:not(.number) { min-width: 0; }
  td:first-child { min-width: 84px; overflow-wrap: break-word; }
}
@media print { section { margin-top: 24px; } .fact { border: 1px solid var(--line); } }
)css";

std::string element(std::string_view name, std::string_view text) {
  return text.empty() ? "" : fmt::format("<{0}>{1}</{0}>\n", name, escaped(text));
}

std::string division(std::string_view style, std::string_view text) {
  return text.empty() ? "" : fmt::format("<div class=\"{}\">{}</div>\n", style, escaped(text));
}

std::string markup_of(const Table& table) {
  const auto cell = [&](std::size_t column, std::string_view name, const std::string& text) {
    const bool number = table.columns[column].align == Table::Align::kNumber;
    return fmt::format("<{0}{1}>{2}</{0}>", name, number ? " class=\"number\"" : "", escaped(text));
  };
  std::string out = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c) out += cell(c, "th", table.columns[c].name);
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    BRAINMT_CHECK(row.size() == table.columns.size(), "{} cells for {} columns", row.size(), table.columns.size());
    out += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) out += cell(c, "td", row[c]);
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table></div>\n";
}

std::string markup_of(const Figure& figure) {
  std::string out = "<figure>\n" + division("name", figure.title);
  if (!figure.legend.empty()) {
    out += "<div class=\"legend\">";
    for (const auto& [name, colour] : figure.legend)
      out += fmt::format("<span><i style=\"background:{}\"></i>{}</span>", series_colour(colour), escaped(name));
    out += "</div>\n";
  }
  return out + figure.svg + element("figcaption", figure.note) + "</figure>\n";
}

}  // namespace

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

std::string_view series_colour(std::size_t index) {
  constexpr std::array<std::string_view, 6> kColours{"#1f5a94", "#c8502b", "#2b8a6b", "#8757a5", "#b3820e", "#5a6672"};
  return kColours[index % kColours.size()];
}

HtmlPage::HtmlPage(std::string_view title, std::string_view lead) : title_(title) {
  body_ = "<header>\n" + element("h1", title) + element("p", lead) + "</header>\n<main>\n";
}

void HtmlPage::section(std::string_view title, std::string_view lead) {
  body_ += in_section_ ? "</section>\n<section>\n" : "<section>\n";
  in_section_ = true;
  body_ += element("h2", title) + division("lead", lead);
}

void HtmlPage::subsection(std::string_view title) { body_ += element("h3", title); }

void HtmlPage::paragraph(std::string_view text) { body_ += element("p", text); }

void HtmlPage::facts(std::span<const Fact> facts) {
  if (facts.empty()) return;
  body_ += "<div class=\"facts\">\n";
  for (const Fact& fact : facts) {
    body_ += "<div class=\"fact\">\n" + division("label", fact.label) + division("value", fact.value) +
             division("note", fact.note) + "</div>\n";
  }
  body_ += "</div>\n";
}

void HtmlPage::table(const Table& table) { body_ += markup_of(table); }

void HtmlPage::folded_table(std::string_view title, const Table& table) {
  body_ += fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", escaped(title), markup_of(table));
}

void HtmlPage::beside(const Table& table, const Figure& figure) {
  body_ += "<div class=\"beside\">\n" + markup_of(table) + (figure.svg.empty() ? "" : markup_of(figure)) + "</div>\n";
}

void HtmlPage::beside(const Table& table, const Table& second) {
  body_ += "<div class=\"beside\">\n" + markup_of(table) + markup_of(second) + "</div>\n";
}

void HtmlPage::figures(std::span<const Figure> figures) {
  if (figures.empty()) return;
  body_ += "<div class=\"figures\">\n";
  for (const Figure& figure : figures) body_ += markup_of(figure);
  body_ += "</div>\n";
}

std::string HtmlPage::document(std::string_view footer) const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"generator\" content=\"brainmt\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n{}<style>{}</style>\n</head>\n"
      "<body>\n{}{}</main>\n{}</body>\n</html>\n",
      element("title", title_), kStyle, body_, in_section_ ? "</section>\n" : "", element("footer", footer));
}

}  // namespace brainmt::analysis
