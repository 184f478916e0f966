#include "app/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

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

// CLI11's message about what it did not understand, as one line that names the nearest option.
std::string option_error(const Command& command, const CLI::App& parser, const CLI::ParseError& error) {
  std::vector<std::string> known{"--help"};
  for (const CLI::Option* option : parser.get_options()) known.push_back(option->get_name());
  std::string hint;
  for (const std::string& given : parser.remaining()) {
    const std::string nearest = nearest_name(given, known);
    if (!nearest.empty()) hint = fmt::format(", did you mean '{}'?", nearest);
  }
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  return fmt::format("{}: {}{}; see 'brainmt {} --help'", command.name, what, hint, command.name);
}

void check_operands(const Command& command, const std::vector<std::string>& operands) {
  const auto count = static_cast<int>(operands.size());
  if (count > command.operands.most) {
    throw UsageError(fmt::format("{}: expected key=value, found '{}'; see 'brainmt {} --help'", command.name,
                                 operands[static_cast<std::size_t>(command.operands.most)], command.name));
  }
  if (count < command.operands.least) {
    throw UsageError(fmt::format("'{}' needs {} ({}); see 'brainmt {} --help'", command.name, command.operands.usage,
                                 command.operands.help, command.name));
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
          name, [&line, &option](const std::string& v) { line.options[option.name] = v; });
    }
  }
  // Everything that is not an option of ours; CLI11 itself would split lists such as [12,8].
  parser.allow_extras();
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    parser.parse(std::move(arguments));
    items = parser.remaining();
    const auto is_option = [](const std::string& item) { return item.size() > 1 && item[0] == '-'; };
    if (std::any_of(items.begin(), items.end(), is_option)) throw CLI::ExtrasError(items);
  } catch (const CLI::ParseError& error) {
    throw UsageError(option_error(command, parser, error));
  }
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
  if (line.action == CommandLine::Action::kRun) check_operands(*line.command, line.operands);
  return line;
}

}  // namespace brainmt::app
