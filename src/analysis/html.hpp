#pragma once
// One self-contained HTML page with inline style and SVG figures: readable offline, printable, one file to send. The
// markup is well-formed XML too. Every text that is given is escaped here; only Figure::svg is taken as it is.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::analysis {

/// Text as the content of an element, of HTML, SVG or XML: markup is escaped, control characters become spaces.
std::string escaped(std::string_view text);

/// The colour of series `index` of a plot, as "#1f5a94"; the palette of six is told apart by colour-blind readers.
std::string_view series_colour(std::size_t index);

/// A number in a box with what it is: "AUROC", "0.979", "95 % CI [0.93, 1.00]".
struct Fact {
  std::string label, value, note;
};

struct Table {
  enum class Align { kText, kNumber };  // numbers stand right, in digits of equal width
  struct Column {
    std::string name;
    Align align = Align::kText;
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // each with an entry for each column
};

struct Figure {
  struct Entry {
    std::string name;
    std::size_t colour = 0;  // as in series_colour()
  };
  std::string title;
  std::string svg;              // a whole <svg> element
  std::string note{};           // below it
  std::vector<Entry> legend{};  // above it; empty for one series that needs no name
};

class HtmlPage {
 public:
  /// `lead` is a sentence below the title.
  HtmlPage(std::string_view title, std::string_view lead);

  /// Everything that follows belongs to it, up to the next one.
  void section(std::string_view title, std::string_view lead = {});
  void subsection(std::string_view title);
  void paragraph(std::string_view text);
  void facts(std::span<const Fact> facts);
  void table(const Table& table);
  /// Side by side where the window is wide enough; the second one may be empty.
  void beside(const Table& table, const Figure& figure);
  void beside(const Table& table, const Table& second);
  /// Under a line that opens and closes it; for what few readers want.
  void folded_table(std::string_view title, const Table& table);
  /// Side by side where the window is wide enough.
  void figures(std::span<const Figure> figures);

  /// The whole document; `footer` is its last line.
  std::string document(std::string_view footer) const;

 private:
  std::string title_;
  std::string body_;
  bool in_section_ = false;
};

}  // namespace brainmt::analysis
