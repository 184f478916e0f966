#include "app/command_line.hpp"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>
#include <stdexcept>

#include "base/nearest.hpp"

namespace brainmt::app {
namespace {

const Command& find_command(const std::string& name, const std::vector<Command>& known) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const Command& c) { return c.name == name; });
  if (found != known.end()) return *found;
  std::vector<std::string> names;
  for (const Command& command : known) names.push_back(command.name);
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("unknown command '{}'{}; 'brainmt --help' lists every command", name,
                               nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
}

bool is_option(const std::string& item) { return item.size() > 1 && item[0] == '-'; }

// `--model small` or `--model=small` where model is a key: as it is written here, else "".
std::string as_override(const Command& command, const std::vector<std::string>& items, std::size_t at) {
  const std::string word = items[at].substr(items[at].find_first_not_of('-'));
  const std::string name = word.substr(0, word.find('='));
  const config::Schema& schema = command.schema();
  if (!schema.find(name) && !schema.is_group(name)) return {};
  if (name.size() < word.size()) return word;
  const bool has_value = at + 1 < items.size() && !is_option(items[at + 1]);
  return fmt::format("{}={}", name, has_value ? items[at + 1] : "VALUE");
}

// Of an option that the command does not have. `items`: what the parser left over, in the order of the line.
std::string unknown_option(const Command& command, const CLI::App& parser, const std::vector<std::string>& items) {
  const auto at = static_cast<std::size_t>(std::ranges::find_if(items, is_option) - items.begin());
  if (const std::string meant = as_override(command, items, at); !meant.empty())
    return fmt::format("{}: '{}': options are key=value: {}", command.name, items[at], meant);
  std::vector<std::string> known{"--help"};
  for (const CLI::Option* option : parser.get_options()) known.push_back(option->get_name());
  const std::string nearest = nearest_name(items[at], known);
  return fmt::format("{}: unknown option '{}'{}; see 'brainmt {} --help'", command.name, items[at],
                     nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest), command.name);
}

std::string parse_error(const Command& command, const CLI::ParseError& error) {
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  return fmt::format("{}: {}; see 'brainmt {} --help'", command.name, what, command.name);
}

// "did you mean input=scans output=c2.h5?": the keys that have no value yet take the words in their usual order.
std::string with_keys(const Command& command, std::span<const std::string> words,
                      const std::vector<std::string>& overrides) {
  std::vector<std::string> free;
  for (const std::string& key : command.schema().usage().positional) {
    const auto sets_it = [&](const std::string& text) { return text.starts_with(key + "="); };
    if (std::ranges::none_of(overrides, sets_it)) free.push_back(key);
  }
  if (words.size() > free.size()) return {};
  std::string meant;
  for (std::size_t i = 0; i < words.size(); ++i) meant += fmt::format(" {}={}", free[i], words[i]);
  return fmt::format(": did you mean{}?", meant);
}

void check_operands(const CommandLine& line) {
  const Command& command = *line.command;
  const std::vector<std::string>& operands = line.operands;
  const auto count = static_cast<int>(operands.size());
  if (count > command.operands.max) {
    const auto extra = std::span(operands).subspan(static_cast<std::size_t>(command.operands.max));
    throw UsageError(fmt::format("{}: expected key=value, found '{}'{}; see 'brainmt {} --help'", command.name,
                                 extra.front(), with_keys(command, extra, line.overrides), command.name));
  }
  if (count < command.operands.min) {
    const auto& [usage, help, least, most, words] = command.operands;
    throw UsageError(fmt::format("'{}' needs {} ({}); see 'brainmt {} --help'", command.name, usage,
                                 words.empty() ? help : fmt::format("one of {}", fmt::join(words, ", ")),
                                 command.name));
  }
}

// key=value, where the key is made of letters, digits, '_' and '.': `a/b=c.h5` is a path.
bool is_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  return equals != std::string::npos &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
         });
}

// Shells expand ~ at the start of a word, which `--json=~/x` is not.
std::string home_expanded(const std::string& path) {
  try {
    return config::expand_home(path);
  } catch (const std::invalid_argument& expected) {
    throw UsageError(fmt::format("'{}': expected {}", path, expected.what()));
  }
}

// Parses what follows the command's name.
void parse_arguments(CommandLine& line, std::vector<std::string> arguments) {
  const Command& command = *line.command;
  CLI::App parser;
  parser.set_help_flag();
  bool help = false, print_config = false;
  std::vector<std::string> items;
  parser.add_flag("-h,--help", help);
  parser.add_flag("--cfg", print_config);
  parser.add_option("--config", line.config_file);
  if (command.has_dry_run) parser.add_flag("--dry-run", line.dry_run);
  for (const Option& option : command.options) {
    const std::string name = "--" + option.name;
    if (option.value_name.empty()) {
      parser.add_flag_callback(name, [&line, &option] {
        line.options[option.name] = "";
        if (!option.override_text.empty()) line.overrides.push_back(option.override_text);
      });
    } else {
      parser.add_option_function<std::string>(
          name, [&line, &option](const std::string& v) { line.options[option.name] = home_expanded(v); });
    }
  }
  // Everything that is not an option of ours; CLI11 itself would split lists such as [12,8].
  parser.allow_extras();
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    parser.parse(std::move(arguments));
    items = parser.remaining();
  } catch (const CLI::ParseError& error) {
    throw UsageError(parse_error(command, error));
  }
  if (std::ranges::any_of(items, is_option)) throw UsageError(unknown_option(command, parser, items));
  if (help) line.action = CommandLine::Action::kHelp;
  if (print_config) line.action = CommandLine::Action::kPrintConfig;
  for (std::string& item : items) (is_override(item) ? line.overrides : line.operands).push_back(std::move(item));
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv, const std::vector<Command>& known) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty()) throw UsageError("expected a command; 'brainmt --help' lists every command");
  CommandLine line;
  const std::string& first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") {
    line.action = CommandLine::Action::kHelp;
    if (arguments.size() > 1) line.command = &find_command(arguments[1], known);
    return line;
  }
  if (first == "--version" || first == "-V") {
    line.action = CommandLine::Action::kVersion;
    return line;
  }
  line.command = &find_command(first, known);
  parse_arguments(line, {arguments.begin() + 1, arguments.end()});
  if (line.action == CommandLine::Action::kRun) check_operands(line);
  return line;
}

}  // namespace brainmt::app
