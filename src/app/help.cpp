// The help texts: put together from the commands and their schemas, so that they cannot fall behind them.
#include <fmt/format.h>

#include "app/command_line.hpp"

namespace brainmt::app {
namespace {

constexpr std::size_t kColumn = 26;  // where the meaning starts
constexpr std::size_t kWidth = 110;

// `head`, then `text` from column kColumn on, broken between words.
std::string entry(const std::string& head, const std::string& text) {
  std::string out = "  " + head;
  std::size_t column = out.size();
  const auto break_line = [&] {
    out += "\n" + std::string(kColumn, ' ');
    column = kColumn;
  };
  if (column + 2 > kColumn)
    break_line();
  else
    out.append(kColumn - column, ' '), column = kColumn;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::size_t length = end - begin;
    if (column > kColumn && column + 1 + length > kWidth)
      break_line();
    else if (column > kColumn)
      out += ' ', ++column;
    out.append(text, begin, length);
    column += length;
    begin = end + 1;
  }
  return out + "\n";
}

std::string option_head(const Option& option) {
  return fmt::format("--{}{}{}", option.name, option.value_name.empty() ? "" : " ", option.value_name);
}

std::string key_entry(const config::Key& key) {
  const std::string fallback = key.is_required ? "required" : "default " + config::to_yaml(key.default_value);
  return entry(key.name, fmt::format("{} ({}; {})", key.help, key.describe_type(), fallback));
}

}  // namespace

std::string program_help(const std::vector<Command>& known) {
  std::string out =
      "brainmt: trains and evaluates BrainMT on 4-D fMRI, on one process or on many MPI ranks\n\n"
      "usage: brainmt COMMAND [--config FILE] [--cfg] [key=value ...]\n"
      "       mpirun -n 2 brainmt train task=classification task.target=sex run.dir=runs/sex data.cohort=cohort.h5\n\n"
      "commands:\n";
  for (const Command& command : known) out += entry(command.name, command.summary);
  out += "\noptions:\n";
  out += entry("--help", "this text; 'brainmt COMMAND --help' for the options and keys of a command");
  out += entry("--version", "version, compiler, back ends, library versions");
  out += "\nexit codes:\n";
  out += entry("0", "done");
  out += entry("2", "usage or configuration error");
  out += entry("3", "bad input data: scan, table, cohort, weights");
  out += entry("4", "training became non-finite and could not go on");
  out += entry("5", "communication failure or hang detected");
  out += entry("6", "output could not be written");
  out += entry("70", "internal error (a bug)");
  out += entry("75", "interrupted after a complete checkpoint: run again to continue");
  return out;
}

std::string command_help(const Command& command) {
  const std::string operand = command.operands.usage.empty() ? "" : command.operands.usage + " ";
  std::string out = fmt::format("brainmt {}: {}\n\nusage: brainmt {} {}[options] [key=value ...]\n\n", command.name,
                                command.summary, command.name, operand);
  if (!operand.empty()) out += entry(command.operands.usage, command.operands.help) + "\n";
  out += "options:\n";
  out += entry("--help", "this text");
  out += entry("--config FILE",
               "YAML file with keys of this command; also the name of one in the configs folder (default: none)");
  out += entry("--cfg", "print the resolved configuration as YAML and exit (default: off)");
  if (command.has_dry_run) {
    out += entry("--dry-run", "open the data, build the model, print sizes and steps, exit (default: off)");
  }
  for (const Option& option : command.options) {
    out +=
        entry(option_head(option), option.help + (option.value_name.empty() ? " (default: off)" : " (default: none)"));
  }
  const auto& keys = command.schema().keys();
  if (keys.empty()) return out;
  out += "\nkeys:\n";
  if (command.schema().is_group("model")) {
    out +=
        entry("model=NAME", "load model.* from configs/model/NAME.yaml: brainmt, brainmt_released, small, or a path");
  }
  for (const config::Key& key : keys) out += key_entry(key);
  return out;
}

}  // namespace brainmt::app
