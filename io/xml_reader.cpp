#include "io/xml_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/error.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kMaxDepth = 64, kMaxAttributes = 64;
constexpr std::string_view kBlanks = " \t\r\n";

bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':' || c == '-' || c == '.';
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      byte(0xE0 | code >> 12);
    } else {
      byte(0xF0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3F));
    }
    byte(0x80 | (code >> 6 & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

class Document {
 public:
  using Start = std::function<void(const XmlElement&, std::size_t)>;
  Document(std::string_view text, const std::string& where, const Start& start)
      : text_(text), where_(where), start_(start) {}

  void read() {
    bool any = false;
    while (skip_text()) {
      if (at("<?")) {
        pass("<?", "?>");
      } else if (at("<!--")) {
        pass("<!--", "-->");
      } else if (at("<![CDATA[")) {
        if (open_.empty()) fail("text outside the root element");
        pass("<![CDATA[", "]]>");
      } else if (at("<!")) {
        fail("a DOCTYPE, which is not read");
      } else if (at("</")) {
        close();
      } else {
        if (any && open_.empty()) fail("a second root element");
        any = true;
        open();
      }
    }
    if (!open_.empty()) fail(fmt::format("the end of the file, expected </{}>", shown(open_.back())));
    if (!any) fail("no element");
  }

 private:
  static std::string shown(std::string_view name) {
    const std::string quoted = printable(name);
    return quoted.substr(1, quoted.size() - 2);
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(fmt::format("{}: its XML is damaged at byte {}: found {}", where_, at_, what));
  }
  bool at(std::string_view mark) const { return text_.substr(at_).starts_with(mark); }

  // To the next tag; false at the end.
  bool skip_text() {
    const std::size_t next = std::min(text_.find('<', at_), text_.size());
    const std::string_view between = text_.substr(at_, next - at_);
    if (open_.empty() && between.find_first_not_of(kBlanks) != between.npos) fail("text outside the root element");
    at_ = next;
    return at_ < text_.size();
  }
  void pass(std::string_view begin, std::string_view end) {
    const std::size_t found = text_.find(end, at_ + begin.size());
    if (found == text_.npos) fail(fmt::format("no end of {}", begin));
    at_ = found + end.size();
  }
  bool skip_blanks() {
    const std::size_t before = at_;
    at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
    return at_ > before;
  }
  std::string_view name() {
    const std::size_t first = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    if (at_ == first) fail("no name");
    return text_.substr(first, at_ - first);
  }
  void expect(char c) {
    if (at_ >= text_.size() || text_[at_] != c) fail(fmt::format("no '{}'", c));
    ++at_;
  }

  void close() {
    at_ += 2;
    const std::string_view closed = name();
    skip_blanks();
    if (open_.empty() || open_.back() != closed) fail(fmt::format("</{}>, which is not open", shown(closed)));
    expect('>');
    open_.pop_back();
  }

  void open() {
    ++at_;
    XmlElement element{.name = name(), .attributes = {}};
    for (bool blank = skip_blanks(); at_ < text_.size() && text_[at_] != '>' && text_[at_] != '/';
         blank = skip_blanks()) {
      if (!blank) fail("two attributes without a blank between them");
      if (element.attributes.size() == kMaxAttributes) fail(fmt::format("more than {} attributes", kMaxAttributes));
      const std::string_view key = name();
      skip_blanks();
      expect('=');
      skip_blanks();
      if (element.find(key) != nullptr) fail(fmt::format("a second attribute {}", shown(key)));
      element.attributes.emplace_back(key, value());
    }
    const bool is_empty = at("/");
    if (is_empty) ++at_;
    expect('>');
    if (open_.size() == kMaxDepth) fail(fmt::format("more than {} levels", kMaxDepth));
    start_(element, open_.size());
    if (!is_empty) open_.push_back(element.name);
  }

  std::string value() {
    if (!at("\"") && !at("'")) fail("no quoted value");
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == text_.npos) fail("no end of a quoted value");
    const std::string_view raw = text_.substr(at_ + 1, end - at_ - 1);
    if (raw.find('<') != raw.npos) fail("'<' in a value");
    std::string out;
    for (std::size_t i = 0; i < raw.size();) {
      if (raw[i] != '&') {
        out += raw[i++];
        continue;
      }
      const std::size_t stop = raw.find(';', i);
      if (stop == raw.npos) fail("no end of a reference");
      append_reference(out, raw.substr(i + 1, stop - i - 1));
      i = stop + 1;
    }
    at_ = end + 1;
    return out;
  }

  void append_reference(std::string& out, std::string_view word) {
    constexpr std::array<std::pair<std::string_view, char>, 5> kKnown{
        {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
    const auto known = std::ranges::find(kKnown, word, &std::pair<std::string_view, char>::first);
    if (known != kKnown.end()) {
      out += known->second;
      return;
    }
    std::uint32_t code = 0;
    const bool hexadecimal = word.starts_with("#x");
    const std::string_view digits = word.substr(std::min<std::size_t>(hexadecimal ? 2 : 1, word.size()));
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hexadecimal ? 16 : 10);
    const bool is_surrogate = code >= 0xD800 && code < 0xE000;
    if (!word.starts_with('#') || error != std::errc{} || end != digits.data() + digits.size() || code == 0 ||
        code > 0x10FFFF || is_surrogate)
      fail(fmt::format("the reference {}", printable(word)));
    append_utf8(out, code);
  }

  std::string_view text_;
  const std::string& where_;
  const Start& start_;
  std::size_t at_ = 0;
  std::vector<std::string_view> open_;
};

}  // namespace

const std::string* XmlElement::find(std::string_view attribute) const {
  const auto found = std::ranges::find(attributes, attribute, &std::pair<std::string_view, std::string>::first);
  return found == attributes.end() ? nullptr : &found->second;
}

void read_xml(std::string_view text, const std::string& where,
              const std::function<void(const XmlElement&, std::size_t)>& start) {
  Document(text, where, start).read();
}

}  // namespace brainmt::io
