// Phenotype tables: every field can be asked for, and a table that is written out again, every field in quotes, reads
// back the same.
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/find_column.hpp"
#include "io/table.hpp"
#include "io/ukb_field.hpp"

namespace brainmt::fuzz {
namespace {

std::string quoted(const std::string& field) {
  std::string out = "\"";
  for (const char c : field) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

// Tabs, because a name without extension is taken for what its header has more of.
std::string written(const io::Table& table) {
  std::string out;
  const auto add = [&](const std::string& field, std::size_t column) {
    out += quoted(field) + (column + 1 == table.columns() ? '\n' : '\t');
  };
  for (std::size_t column = 0; column < table.columns(); ++column) add(table.names()[column], column);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t column = 0; column < table.columns(); ++column) add(table.text(row, column), column);
  }
  return out;
}

void use(const io::Table& table) {
  require(table.rows() > 0 && table.columns() > 0, "a table has a header and a row");
  for (std::size_t row = 1; row < table.rows(); ++row) require(table.line(row - 1) < table.line(row), "lines ascend");
  for (std::size_t column = 0; column < table.columns(); ++column) {
    require(table.column(table.names()[column]) == column, "a column is found by its name");
    if (const auto field = io::parse_ukb_field(table.names()[column])) {
      require(io::parse_ukb_field(io::to_text(*field)) == field || !field->instance, "a field's text reads back");
    }
    const bool numeric = table.is_numeric(column);
    const bool readable = accepted<DataError>([&] {
      for (std::size_t row = 0; row < table.rows(); ++row) {
        const auto value = table.number(row, column);
        require(!value || std::isfinite(*value), "numbers are finite");
        require(value.has_value() != table.missing(row, column), "a field is missing or a number");
      }
    });
    require(readable || !numeric, "a numeric column reads as numbers");
    accepted<DataError>([&] { require(table.index_by(column).size() == table.rows(), "identifiers are different"); });
  }
  for (const char* wanted : {"participant_id", "sex", "age", "site", "31", "20016-2.0"}) {
    accepted<DataError>([&] { io::require_column(table.names(), wanted, "table"); });
  }
}

bool same(const io::Table& a, const io::Table& b) {
  if (a.names() != b.names() || a.rows() != b.rows()) return false;
  for (std::size_t row = 0; row < a.rows(); ++row) {
    for (std::size_t column = 0; column < a.columns(); ++column) {
      if (a.text(row, column) != b.text(row, column)) return false;
    }
  }
  return true;
}

}  // namespace

void run_table(Bytes input) {
  const MemoryFile file(input);
  accepted<DataError>([&] {
    const io::Table table = io::Table::read(file.path());
    use(table);
    const std::string again = written(table);
    const MemoryFile copy(std::as_bytes(std::span(again)));
    // More commas than tabs in the names would make the copy a table with commas.
    if (table.columns() == 1) return;
    for (const std::string& name : table.names()) {
      if (name.find(',') != std::string::npos || name.find('\n') != std::string::npos) return;
    }
    bool unchanged = false;
    require(accepted<DataError>([&] { unchanged = same(table, io::Table::read(copy.path())); }), "a copy is accepted");
    require(unchanged, "a copy reads back the same");
  });
}

}  // namespace brainmt::fuzz
