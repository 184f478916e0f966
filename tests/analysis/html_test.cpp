// The page is well formed for any content, and self-contained.
#include "analysis/html.hpp"

#include <gtest/gtest.h>

#include "analysis/markup.hpp"

namespace brainmt::analysis {
namespace {

TEST(HtmlPage, IsWellFormedWithMarkupInEveryText) {
  const std::string bad = "<b>&\"x\" >\n";
  HtmlPage page(bad, bad);
  page.section(bad, bad);
  page.subsection(bad);
  page.paragraph(bad);
  page.facts(std::vector<Fact>{{bad, bad, bad}, {"label", "1", ""}});
  const Table table{.columns = {{bad}, {"n", Table::Align::kNumber}}, .rows = {{bad, "1"}}};
  page.table(table);
  page.section("second");
  page.folded_table(bad, table);
  page.figures(std::vector<Figure>{{.title = bad, .svg = "<svg></svg>\n", .note = bad, .legend = {{bad, 7}}}});
  const std::string text = page.document(bad);
  EXPECT_EQ(test::unbalanced(text), "");
  EXPECT_EQ(text.find("<b>"), std::string::npos);
  EXPECT_NE(text.find("&lt;b&gt;&amp;\"x\" &gt; "), std::string::npos);
  EXPECT_NE(text.find("<td class=\"number\">1</td>"), std::string::npos);
}

TEST(HtmlPage, RefersToNothingOutside) {
  HtmlPage page("title", "lead");
  const std::string text = page.document("footer");
  EXPECT_EQ(test::unbalanced(text), "") << "also without a section";
  for (const char* reference : {"src=", "href=", "@import", "url(", "<script", "<link"})
    EXPECT_EQ(text.find(reference), std::string::npos) << reference;
}

TEST(SeriesColour, StartsAgainAfterThePalette) {
  EXPECT_EQ(series_colour(0), series_colour(6));
  EXPECT_NE(series_colour(0), series_colour(1));
}

}  // namespace
}  // namespace brainmt::analysis
