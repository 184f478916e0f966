#include "io/xml_reader.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;

std::string elements_of(std::string_view text) {
  std::string found;
  read_xml(text, "'a.xml'", [&](const XmlElement& element, std::size_t depth) {
    found += std::to_string(depth) + std::string(element.name);
    for (const auto& [key, value] : element.attributes) found += fmt::format("[{}={}]", key, value);
    found += ' ';
  });
  return found;
}

TEST(XmlReader, CallsElementsWithTheirDepthAndAttributes) {
  EXPECT_EQ(elements_of("<?xml version=\"1.0\"?>\n<!-- <x> --><a b='1' c = \"&lt;&#65;&#xe9;&amp;\">text<d/>"
                        "<![CDATA[<e>]]><f></f ></a>\n"),
            "0a[b=1][c=<A\u00e9&] 1d 1f ");
}

TEST(XmlReader, RefusesWhatIsNotWellFormed) {
  for (const char* bad : {"",
                          "text",
                          "<a>",
                          "<a></b>",
                          "<a/><b/>",
                          "<a/>text",
                          "<a",
                          "<a b>",
                          "<a b=c>",
                          "<a b='1' b='2'/>",
                          "<a b='1'c='2'/>",
                          "<a b='<'/>",
                          "<a b='&x;'/>",
                          "<a b='&#0;'/>",
                          "<a b='&#xD800;'/>",
                          "<a b='&#x110000;'/>",
                          "<a b='&amp'/>",
                          "<a><!-- </a>",
                          "<a><![CDATA[</a>",
                          "</a>",
                          "< a/>",
                          "<a><>"}) {
    expect_error<DataError>([&] { elements_of(bad); }, {"'a.xml': its XML is damaged at byte"});
  }
}

// Entities that expand to more of themselves need a DOCTYPE.
TEST(XmlReader, RefusesADoctype) {
  expect_error<DataError>([] { elements_of("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"); }, {"DOCTYPE"});
}

TEST(XmlReader, BoundsDepthAndAttributes) {
  std::string deep, wide = "<a";
  for (int i = 0; i < 70; ++i) {
    deep += "<a>";
    wide += " b" + std::to_string(i) + "='1'";
  }
  expect_error<DataError>([&] { elements_of(deep); }, {"more than 64 levels"});
  expect_error<DataError>([&] { elements_of(wide + "/>"); }, {"more than 64 attributes"});
}

}  // namespace
}  // namespace brainmt::io
