#pragma once
// Special codes in answers of UK Biobank's questionnaires, which are not quantities: -1 "do not know", -3 "prefer not
// to answer", and so on. docs/layouts.md lists fields and codes.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/ukb_field.hpp"

namespace brainmt::io {

enum class UkbCode { kNone, kMissing, kLessThanOne };
/// What `value` means in this field. kLessThanOne: -10 where it says "less than one", of hours, cups or years.
UkbCode ukb_code(int field, double value);
/// The amount that "less than one" is taken for.
inline constexpr double kLessThanOne = 0.5;

/// Fields that are not in the list: the values among `numbers` that look like codes, in a column of whole numbers where
/// nothing else is negative. Empty where there is no doubt.
std::vector<int> ukb_suspects(int field, std::span<const double> numbers);

/// "Do not know", "Prefer not to answer" and the like of decoded exports.
bool is_ukb_non_answer(std::string_view text);
/// "Less than one", "Less than an hour a day" and the like.
bool is_ukb_less_than_one(std::string_view text);

}  // namespace brainmt::io
