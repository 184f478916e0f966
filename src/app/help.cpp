// Help texts, generated from the commands and their schemas.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/command_line.hpp"
#include "config/config.hpp"

namespace brainmt::app {
namespace {

constexpr std::size_t kColumn = 26;  // where the meaning starts
constexpr std::size_t kWidth = 80;

// `head` and the words of `text`; every further line begins in column `indent`, those before it end in `mark`.
std::string wrapped(std::string head, const std::string& text, const std::string& mark, std::size_t indent) {
  std::size_t column = head.size();
  bool begun = false;  // a word stands in this line
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::size_t length = end - begin;
    if (begun && column + 1 + length + mark.size() > kWidth) {
      head += mark + "\n" + std::string(indent, ' ');
      column = indent;
    } else if (begun) {
      head += ' ', ++column;
    }
    head.append(text, begin, length);
    column += length;
    begun = true;
    begin = end + 1;
  }
  return head + "\n";
}

// `head`, then `text` from column kColumn on.
std::string entry(const std::string& head, const std::string& text) {
  std::string begin = "  " + head;
  if (begin.size() + 2 <= kColumn)
    begin.append(kColumn - begin.size(), ' ');
  else if (begin.size() + 2 <= kWidth)
    return begin + "\n" + wrapped(std::string(kColumn, ' '), text, "", kColumn);
  return wrapped(begin, text, "", kColumn);
}

std::string option_head(const Option& option) {
  return fmt::format("--{}{}{}", option.name, option.value_name.empty() ? "" : " ", option.value_name);
}

// `needed`: keys that are required unless others are given; their help says which.
std::string key_entry(const config::Key& key, const std::vector<std::string>& needed) {
  const bool is_required = key.is_required || std::ranges::find(needed, key.name) != needed.end();
  const std::string fallback = is_required ? "required" : "default " + config::to_yaml(key.default_value);
  return entry(key.name, fmt::format("{} ({}; {})", key.help, key.describe_type(), fallback));
}

// Required keys and those that most calls give, or all others.
std::string keys_of(const config::Schema& schema, bool first) {
  const auto& chosen = schema.usage().first_keys;
  const auto further = schema.usage().further_required;
  const std::vector<std::string> needed = further ? further(config::Config(schema)) : std::vector<std::string>{};
  std::string out;
  if (!first && schema.is_group("model")) {
    out += entry("model=NAME",
                 fmt::format("load model.* from configs/model/NAME.yaml ({}) or a path; where it chooses another "
                             "model.family, its keys are listed by model=NAME --help",
                             fmt::join(config::group_names("model", config::default_directories()), ", ")));
  }
  for (const bool required : {true, false})
    for (const config::Key& key : schema.keys()) {
      const bool is_first = key.is_required || std::ranges::find(chosen, key.name) != chosen.end();
      if (is_first == first && key.is_required == required) out += key_entry(key, needed);
    }
  if (out.empty()) return out;
  return first ? "keys to give first:\n" + out + "\n" : "\nfurther keys:\n" + out;
}

std::string examples_of(const std::vector<std::string>& lines) {
  std::string out = lines.empty() ? "" : "\nexamples:\n";
  for (const std::string& line : lines) out += wrapped("  ", line, " \\", 4);
  return out;
}

std::string paragraph(const std::string& text) { return wrapped("", text, "", 0); }

}  // namespace

std::string program_help(const std::vector<Command>& known) {
  std::string out =
      "brainmt: trains and evaluates models of 4-D fMRI, on one process or many ranks\n\n"
      "usage: brainmt COMMAND [--config FILE] [--cfg] [key=value ...]\n\n"
      "commands:\n";
  for (const Command& command : known) out += entry(command.name, command.summary);
  out += "\noptions:\n";
  out += entry("--help", "this text; 'brainmt COMMAND --help' for the options and keys of a command");
  out += entry("--version", "version, compiler, back ends, library versions");
  out += "\nexit codes:\n";
  out += entry("0", "done");
  out += entry("2", "usage or configuration error");
  out += entry("3", "bad input data: scan, table, cohort, weights");
  out += entry("4", "training became non-finite");
  out += entry("5", "communication failure or hang detected");
  out += entry("6", "output could not be written");
  out += entry("70", "internal error (a bug)");
  out += entry("75", "interrupted after a complete checkpoint: run again to continue");
  out += entry("130, 143", "ended by SIGINT (Ctrl-C) or SIGTERM; nothing half-written is left");
  out += examples_of({"brainmt prepare input=scans output=cohort.h5",
                      "mpirun -n 2 brainmt train task=classification task.target=sex run.dir=runs/sex "
                      "data.cohort=cohort.h5"});
  return out;
}

std::string command_help(const Command& command, const config::Schema& schema) {
  const std::string operand = command.operands.usage.empty() ? "" : command.operands.usage + " ";
  std::string out = paragraph(fmt::format("brainmt {}: {}", command.name, command.summary)) +
                    fmt::format("\nusage: brainmt {} {}[options] [key=value ...]\n\n", command.name, operand);
  if (!operand.empty()) out += entry(command.operands.usage, command.operands.help) + "\n";
  out += keys_of(schema, /*first=*/true);
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
  out += keys_of(schema, /*first=*/false);
  return out + examples_of(schema.usage().examples);
}

}  // namespace brainmt::app
