#pragma once
// The command line as data: which command, its configuration sources, operands and options.
#include <map>
#include <string>
#include <vector>

#include "app/command.hpp"

namespace brainmt::app {

struct CommandLine {
  enum class Action { kRun, kHelp, kVersion, kPrintConfig };

  Action action = Action::kRun;
  const Command* command = nullptr;  // null for the program's own help and version
  std::string config_file;
  std::vector<std::string> overrides;
  std::vector<std::string> operands;
  std::map<std::string, std::string> options;
  bool dry_run = false;
};

/// Throws UsageError for an unknown command or option (naming the nearest), too few or too many operands.
CommandLine parse_command_line(int argc, const char* const* argv, const std::vector<Command>& known);

/// The help of the program, or of one command with each option and key, its default and its meaning; `schema` is the
/// command's for the chosen model.family.
std::string program_help(const std::vector<Command>& known);
std::string command_help(const Command& command, const config::Schema& schema);

}  // namespace brainmt::app
