#pragma once
// UK Biobank column names: a data field with an instance (which visit) and an array index (which repeat). One field has
// several spellings, one for each way of exporting it:
//
//   31-0.0   20016-2.0        classic CSV
//   p31      p20016_i2_a0     Research Analysis Platform, also as participant.p31
//   f.31.0.0                  R
//   x31_0_0, n_31_0_0         scripts of users, Stata
#include <optional>
#include <string>
#include <string_view>

namespace brainmt::io {

struct UkbField {
  int field = 0;
  std::optional<int> instance, array;  // as far as the name gives them
  bool operator==(const UkbField&) const = default;
};

/// The field that `name` spells from its first to its last character, or nothing. The letters may have any case. A
/// number alone is none: it could be the name of anything.
std::optional<UkbField> parse_ukb_field(std::string_view name);

/// `20016-2.0`, with what is not given left out.
std::string to_text(const UkbField& field);

}  // namespace brainmt::io
