#include "io/table_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/error.hpp"
#include "io/file_descriptor.hpp"
#include "io/foreign_file.hpp"
#include "io/lower_case.hpp"

namespace brainmt::io {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

std::string read_whole(const std::filesystem::path& path) {
  const FileDescriptor fd = open_for_reading(path);
  const std::uint64_t size = file_size(fd, path);
  if (size > kMaxBytes) {
    throw DataError(fmt::format("'{}' has {} bytes, a table may have {}; keep only the columns that are needed",
                                path.string(), size, kMaxBytes));
  }
  std::string content(static_cast<std::size_t>(size), '\0');
  read_exactly(fd, path, 0, std::as_writable_bytes(std::span(content)));
  return content;
}

void refuse_foreign(const std::filesystem::path& path, std::string_view content) {
  const auto foreign = foreign_kind(path, content.substr(0, 4096), Reader::kTable);
  if (!foreign) return;
  throw DataError(fmt::format("'{}' is {}, expected a table as text (CSV or TSV){}{}", path.string(), foreign->what,
                              foreign->remedy.empty() ? "" : "; ", foreign->remedy));
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

// Bytes of the character of UTF-8 that begins at `at`; 0 where none does.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : std::uint8_t{0};
  };
  const unsigned lead = byte(at), second = byte(at + 1);
  const auto follows = [&](std::size_t i) { return (byte(at + i) & 0xC0) == 0x80; };
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4 || !follows(1)) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) {
    const bool wrong = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F);  // overlong, surrogates
    return wrong || !follows(2) ? 0 : 3;
  }
  const bool wrong = (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return wrong || !follows(2) || !follows(3) ? 0 : 4;
}

std::size_t line_of(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n'));
}

// Windows-1252 where it differs from latin-1; 0: not assigned.
constexpr std::array<std::uint16_t, 32> kWindows1252{0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                     0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                                     0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                     0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

std::string from_windows_1252(const std::filesystem::path& path, std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const std::uint32_t code = byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte;
    if (code == 0 && byte != 0) {
      throw DataError(fmt::format(
          "'{}' line {}: byte 0x{:02X} is neither UTF-8 nor Windows-1252 (latin-1); save the table as UTF-8",
          path.string(), line_of(bytes, i), byte));
    }
    append_utf8(out, code);
  }
  return out;
}

// Converts to UTF-8 where the text is not UTF-8 already.
void as_utf8(const std::filesystem::path& path, TableText& table) {
  std::optional<std::size_t> wrong;
  std::size_t wide = 0;  // characters of more than one byte
  for (std::size_t at = 0; at < table.text.size();) {
    const std::size_t length = utf8_length(table.text, at);
    if (length == 0 && !wrong) wrong = at;
    wide += length > 1 ? 1 : 0;
    at += std::max<std::size_t>(length, 1);
  }
  if (!wrong) return;
  const std::size_t line = line_of(table.text, *wrong);
  if (wide > 0) {
    throw DataError(
        fmt::format("'{}' line {}: not UTF-8, though other lines are: two encodings in one file; save the "
                    "table as UTF-8",
                    path.string(), line));
  }
  table.text = from_windows_1252(path, table.text);
  table.notes.push_back(fmt::format("'{}' is not UTF-8 (line {}): read as Windows-1252 (latin-1) and stored as UTF-8",
                                    path.string(), line));
}

std::string from_utf16(const std::filesystem::path& path, std::string_view bytes, bool big) {
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(bytes[2 * i]), second = static_cast<unsigned char>(bytes[2 * i + 1]);
    return static_cast<std::uint32_t>(big ? first << 8 | second : second << 8 | first);
  };
  const auto is = [](std::uint32_t code, std::uint32_t kind) { return (code & 0xFC00) == kind; };
  const std::size_t units = bytes.size() / 2;
  std::string out;
  for (std::size_t i = 0; i < units; ++i) {
    std::uint32_t code = unit(i);
    const bool pair = is(code, 0xD800) && i + 1 < units && is(unit(i + 1), 0xDC00);
    if ((code & 0xF800) == 0xD800 && !pair) {
      throw DataError(fmt::format("'{}': half a character of UTF-16 at byte {}; save the table as UTF-8", path.string(),
                                  2 * i + 2));
    }
    if (pair) code = 0x10000 + ((code & 0x3FF) << 10 | (unit(++i) & 0x3FF));
    append_utf8(out, code);
  }
  if (bytes.size() % 2 != 0)
    throw DataError(fmt::format("'{}': UTF-16 with an odd number of bytes; was it cut?", path.string()));
  return out;
}

// The lines of a sample of the text, split at separators outside quotes: how many fields each has.
std::vector<std::size_t> field_counts(std::string_view text, char separator) {
  constexpr std::size_t kMaxRows = 200, kMaxBytesSeen = std::size_t{1} << 22;
  const bool cut = text.size() > kMaxBytesSeen;
  text = text.substr(0, kMaxBytesSeen);
  std::vector<std::size_t> counts;
  std::size_t fields = 1;
  bool quoted = false, blank = true;
  const auto end_line = [&] {
    if (!blank) counts.push_back(fields);
    fields = 1;
    blank = true;
  };
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    blank = blank && (c == ' ' || c == '\r' || c == '\n' || c == separator);
    if (quoted) continue;
    if (c == separator) ++fields;
    if (c != '\n') continue;
    end_line();
    if (counts.size() == kMaxRows) return counts;
  }
  if (!cut) end_line();
  return counts;
}

}  // namespace

TableText read_table_text(const std::filesystem::path& path) {
  TableText table{.text = read_whole(path), .notes = {}};
  refuse_foreign(path, table.text);
  const std::string_view content = table.text;
  if (content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF")) {
    table.text = from_utf16(path, content.substr(2), content.starts_with("\xFE\xFF"));
    table.notes.push_back(fmt::format("'{}' is UTF-16: stored as UTF-8", path.string()));
  } else {
    if (content.starts_with("\xEF\xBB\xBF")) table.text.erase(0, 3);
    as_utf8(path, table);
  }
  if (table.text.find('\n') == std::string::npos) std::ranges::replace(table.text, '\r', '\n');
  return table;
}

char separator_of(std::string_view extension, std::string_view text) {
  const std::string lower = lower_case(extension);
  const char expected = lower == ".tsv" || lower == ".tab" ? '\t' : ',';
  const bool is_told = expected == '\t' || lower == ".csv";
  char best = expected, commonest = expected;
  std::size_t max_fields = 0, header_fields = 0;
  bool expected_in_header = false;
  for (const char separator : {expected, expected == ',' ? '\t' : ',', ';'}) {
    const std::vector<std::size_t> counts = field_counts(text, separator);
    if (counts.empty() || counts.front() < 2) continue;
    expected_in_header = expected_in_header || separator == expected;
    if (counts.front() > header_fields) {
      header_fields = counts.front();
      commonest = separator;
    }
    const bool same = std::ranges::all_of(counts, [&](std::size_t fields) { return fields == counts.front(); });
    if (!same || counts.front() <= max_fields) continue;
    max_fields = counts.front();
    best = separator;
  }
  if (max_fields > 0) return best;
  return is_told && expected_in_header ? expected : commonest;
}

}  // namespace brainmt::io
