#include "app/command_line.hpp"

#include <gtest/gtest.h>

#include "config/keys.hpp"
#include "run/schemas.hpp"
#include "support/expect_error.hpp"

namespace brainmt::app {
namespace {

using Action = CommandLine::Action;

const std::vector<Command>& known() {
  static const std::vector<Command> table{
      {.name = "train", .summary = "trains", .schema = run::train_schema, .run = nullptr, .has_dry_run = true},
      {.name = "inspect",
       .summary = "describes",
       .schema = config::synth_schema,
       .run = nullptr,
       .operands = {.usage = "PATH", .help = "file", .min = 1, .max = 1},
       .options = {{"verify", "", "check"}, {"json", "FILE", "write"}}},
  };
  return table;
}

CommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "brainmt");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), known());
}

TEST(CommandLine, SeparatesOptionsOverridesAndOperands) {
  const CommandLine line = parse({"inspect", "--verify", "a/b=c.h5", "seed=3", "--json", "out.json", "grid=[8,8,8]"});
  EXPECT_EQ(line.action, Action::kRun);
  EXPECT_EQ(line.command->name, "inspect");
  EXPECT_EQ(line.operands, std::vector<std::string>{"a/b=c.h5"});
  EXPECT_EQ(line.overrides, (std::vector<std::string>{"seed=3", "grid=[8,8,8]"}));
  EXPECT_EQ(line.options, (std::map<std::string, std::string>{{"verify", ""}, {"json", "out.json"}}));
}

TEST(CommandLine, CommonOptions) {
  EXPECT_EQ(parse({"--help"}).action, Action::kHelp);
  EXPECT_EQ(parse({"--version"}).action, Action::kVersion);
  EXPECT_EQ(parse({"train", "--help"}).action, Action::kHelp);
  EXPECT_EQ(parse({"inspect", "--help"}).action, Action::kHelp);  // without its operand
  EXPECT_EQ(parse({"train", "--cfg", "run.dir=x"}).action, Action::kPrintConfig);
  const CommandLine line = parse({"train", "--dry-run", "--config", "file.yaml"});
  EXPECT_TRUE(line.dry_run);
  EXPECT_EQ(line.config_file, "file.yaml");
  EXPECT_EQ(parse({"train", "--config=file.yaml"}).config_file, "file.yaml");
}

TEST(CommandLine, ErrorsNameTheNearest) {
  test::expect_error<UsageError>([] { parse({}); }, {"expected a command"});
  test::expect_error<UsageError>([] { parse({"trian"}); }, {"'trian'", "did you mean 'train'"});
  test::expect_error<UsageError>([] { parse({"train", "--dry-rnu"}); }, {"--dry-rnu", "did you mean '--dry-run'"});
  test::expect_error<UsageError>([] { parse({"train", "stray"}); }, {"expected key=value", "'stray'"});
  test::expect_error<UsageError>([] { parse({"train", "--config"}); }, {"--config"});
  test::expect_error<UsageError>([] { parse({"inspect"}); }, {"'inspect' needs PATH"});
  test::expect_error<UsageError>([] { parse({"inspect", "a", "b"}); }, {"'b'"});
  test::expect_error<UsageError>([] { parse({"inspect", "a", "--dry-run"}); }, {"--dry-run"});
}

TEST(Help, NamesEveryKeyWithItsDefault) {
  const std::string help = command_help(known().front(), known().front().schema());
  for (const config::Key& key : run::train_schema().keys()) {
    EXPECT_NE(help.find("  " + key.name), std::string::npos) << key.name;
  }
  EXPECT_NE(help.find("--dry-run"), std::string::npos);
  EXPECT_NE(help.find("0.0002"), std::string::npos);  // optimizer.lr
  EXPECT_NE(program_help(known()).find("inspect"), std::string::npos);
}

TEST(Help, LinesFitATerminal) {
  const std::string help = command_help(known().front(), known().front().schema());
  for (std::size_t begin = 0; begin < help.size();) {
    const std::size_t end = help.find('\n', begin);
    EXPECT_LE(end - begin, 80u) << help.substr(begin, end - begin);
    begin = end + 1;
  }
}

}  // namespace
}  // namespace brainmt::app
