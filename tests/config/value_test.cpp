#include "config/value.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "config/schema.hpp"

namespace brainmt::config {
namespace {

Value parse(const char* text, Type type) { return to_value(parse_raw(text), type); }

TEST(Value, ReadsEveryType) {
  EXPECT_EQ(std::get<bool>(parse("True", Type::kBool)), true);
  EXPECT_EQ(std::get<std::int64_t>(parse(" -12 ", Type::kInt)), -12);
  EXPECT_EQ(std::get<double>(parse("1e-4", Type::kFloat)), 1e-4);
  EXPECT_EQ(std::get<double>(parse("3", Type::kFloat)), 3.0);
  EXPECT_EQ(std::get<std::string>(parse("a=b c", Type::kString)), "a=b c");
  EXPECT_EQ(std::get<std::string>(parse("'[1, 2]'", Type::kString)), "[1, 2]");
  EXPECT_EQ(std::get<std::string>(parse("\"it's\"", Type::kString)), "it's");
  EXPECT_EQ(std::get<std::string>(parse("{subject}/x: y#z", Type::kString)), "{subject}/x: y#z");
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(parse("[12, 8]", Type::kInts)), (std::vector<std::int64_t>{12, 8}));
  EXPECT_EQ(std::get<std::vector<double>>(parse("[0.7,1e-1]", Type::kFloats)), (std::vector<double>{0.7, 0.1}));
  EXPECT_TRUE(std::get<std::vector<std::int64_t>>(parse("[]", Type::kInts)).empty());
  using Texts = std::vector<std::string>;
  EXPECT_EQ(std::get<Texts>(parse("[sex, 31-0.0, 'a, b']", Type::kTexts)), (Texts{"sex", "31-0.0", "a, b"}));
  EXPECT_EQ(std::get<Texts>(parse("sex", Type::kTexts)), Texts{"sex"});
  EXPECT_TRUE(std::get<Texts>(parse("", Type::kTexts)).empty());
  EXPECT_TRUE(std::get<Texts>(parse("[]", Type::kTexts)).empty());
}

TEST(Value, RefusesWhatIsNotOfTheType) {
  const std::pair<const char*, Type> wrong[] = {
      {"yes", Type::kBool},
      {"1", Type::kBool},
      {"1.5", Type::kInt},
      {"1e3", Type::kInt},
      {"12x", Type::kInt},
      {"", Type::kInt},
      {"nan", Type::kFloat},
      {"inf", Type::kFloat},
      {"1,5", Type::kFloat},
      {"1e999", Type::kFloat},
      {"[1]", Type::kInt},
      {"12", Type::kInts},
      {"[1,x]", Type::kInts},
      {"[1.5]", Type::kInts},
      {"a\nb", Type::kString},
      {"[a,b\nc]", Type::kTexts},
      {"99999999999999999999", Type::kInt},
  };
  for (const auto& [text, type] : wrong) EXPECT_THROW(parse(text, type), std::invalid_argument) << text;
}

TEST(Value, RefusesBrokenListsAndQuotes) {
  for (const char* text : {"[1,2", "[1,,2]", "[1,2,]", "'open", "\"open'"}) {
    EXPECT_THROW(parse_raw(text), std::invalid_argument) << text;
  }
}

TEST(Value, WritesWhatItReads) {
  for (const double x : {1e-6, 0.1, 2e-4, 1.0 / 3.0, 1e300}) {
    EXPECT_EQ(std::get<double>(parse(to_yaml(Value(x)).c_str(), Type::kFloat)), x);
  }
  EXPECT_EQ(to_yaml(Value(std::vector<std::int64_t>{12, 8})), "[12, 8]");
  EXPECT_EQ(to_yaml(Value(std::string("runs/sex"))), "runs/sex");
  EXPECT_EQ(to_yaml(Value(std::string("it's: #1"))), "'it''s: #1'");
  EXPECT_EQ(to_yaml(Value(std::string())), "''");
  const std::vector<std::string> texts{"sex", "31-0.0", "a, 'b'", ""};
  EXPECT_EQ(to_yaml(Value(texts)), R"([sex, 31-0.0, 'a, ''b''', ''])");
}

TEST(Key, ChecksRangesLengthsAndChoices) {
  const Key rate = real("x", 0.5, "").above(0).at_most(1);
  EXPECT_NO_THROW(rate.check(1.0));
  EXPECT_THROW(rate.check(0.0), std::invalid_argument);
  EXPECT_THROW(rate.check(1.0001), std::invalid_argument);
  const Key grid = integers("grid", {1, 1, 1}, "").of_length(3).at_least(1);
  EXPECT_THROW(grid.check(std::vector<std::int64_t>{1, 1}), std::invalid_argument);
  EXPECT_THROW(grid.check(std::vector<std::int64_t>{1, 0, 1}), std::invalid_argument);
  const Key precision = choice("precision", "fp32", {"fp32", "bf16"}, "");
  EXPECT_THROW(precision.check(std::string("fp16")), std::invalid_argument);
  EXPECT_EQ(precision.describe_type(), "one of fp32|bf16");
  EXPECT_EQ(grid.describe_type(), "list of 3 integers >= 1");
  EXPECT_EQ(rate.describe_type(), "number in (0, 1]");
}

}  // namespace
}  // namespace brainmt::config
