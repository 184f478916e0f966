// `brainmt completion bash|zsh`: shell completion of commands, options, keys and values, generated from the command
// table and the schemas.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "app/command_table.hpp"

namespace brainmt::app {
namespace {

const config::Schema& schema() {
  static const config::Schema none(
      "completion", {}, {}, {},
      {.examples = {"brainmt completion bash >~/.local/share/bash-completion/completions/brainmt",
                    "source <(brainmt completion bash)"}});
  return none;
}

// Names of a configuration group, as configs/model/*.yaml of this installation.
std::vector<std::string> members_of(const std::string& group) {
  std::set<std::string> names;
  std::error_code missing;
  for (const std::filesystem::path& directory : config::default_directories())
    for (const auto& file : std::filesystem::directory_iterator(directory / group, missing))
      if (file.path().extension() == ".yaml") names.insert(file.path().stem().string());
  return {names.begin(), names.end()};
}

// What can stand behind `key=`; empty: anything.
std::vector<std::string> values_of(const config::Key& key) {
  if (key.type == config::Type::kBool) return {"true", "false"};
  return key.choices;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

// "--help --cfg ... key= key= ...": what can begin a word.
std::vector<std::string> beginnings_of(const Command& command) {
  std::vector<std::string> all = command.operands.words;
  for (const char* option : {"--help", "--config", "--cfg"}) all.emplace_back(option);
  if (command.has_dry_run) all.emplace_back("--dry-run");
  for (const Option& option : command.options) all.push_back("--" + option.name);
  for (const std::string& group : command.schema().groups()) all.push_back(group + "=");
  for (const config::Key& key : command.schema().keys()) all.push_back(key.name + "=");
  return all;
}

// A case of a shell's `case` for each command, and for each of its keys with known values.
struct Cases {
  std::string commands, values, paths;
};

Cases cases_of(const char* indent) {
  Cases cases;
  for (const Command& command : commands()) {
    cases.commands += fmt::format("{}{}) words='{}' ;;\n", indent, command.name, joined(beginnings_of(command)));
    for (const std::string& group : command.schema().groups())
      cases.values += fmt::format("{}{}:{}) words='{}' ;;\n", indent, command.name, group, joined(members_of(group)));
    for (const config::Key& key : command.schema().keys()) {
      if (const auto values = values_of(key); !values.empty())
        cases.values += fmt::format("{}{}:{}) words='{}' ;;\n", indent, command.name, key.name, joined(values));
      else if (key.is_path)
        cases.paths += fmt::format("{}{}:{}", cases.paths.empty() ? "" : "|", command.name, key.name);
    }
  }
  return cases;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names{"--help", "--version"};
  for (const Command& command : commands()) names.push_back(command.name);
  return names;
}

// bash takes `key=value` apart at '=', unless COMP_WORDBREAKS was changed.
constexpr const char* kBash = R"sh(# bash completion of brainmt: source <(brainmt completion bash)
_brainmt() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} key='' words='' front='' command=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '{0}' -- "$current")
    return
  fi
  if [ "$current" = = ]; then
    key=${{COMP_WORDS[COMP_CWORD-1]}} current=''
  elif [ "${{COMP_WORDS[COMP_CWORD-1]}}" = = ]; then
    key=${{COMP_WORDS[COMP_CWORD-2]}}
  elif [[ $current == *=* ]]; then
    key=${{current%%=*}} front=${{current%%=*}}= current=${{current#*=}}
  fi
  if [ -n "$key" ]; then
    case "$command:$key" in
{2}    {3}) mapfile -t COMPREPLY < <(compgen -f -P "$front" -- "$current"); return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -P "$front" -W "$words" -- "$current")
    return
  fi
  case $command in
{1}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  [ ${{#COMPREPLY[@]}} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
  if [[ ${{COMPREPLY[0]-}} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}}
complete -F _brainmt brainmt
)sh";

constexpr const char* kZsh = R"sh(#compdef brainmt
# zsh completion of brainmt: brainmt completion zsh >"${{fpath[1]}}/_brainmt"
_brainmt() {{
  local current=$words[CURRENT] command=$words[2] choices='' key=''
  if (( CURRENT <= 2 )); then
    compadd -- {0}
    return
  fi
  if [[ $current == *=* ]]; then
    key=${{current%%=*}}
    compset -P '*='
    case "$command:$key" in
{2}    {3}) _files; return ;;
    esac
    compadd -- ${{=choices}}
    return
  fi
  case $command in
{1}  esac
  local -a all=(${{=choices}})
  compadd -S '' -- ${{(M)all:#*=}}
  compadd -- ${{all:#*=}}
  _files
}}
if [ "$funcstack[1]" = _brainmt ]; then _brainmt "$@"; else compdef _brainmt brainmt; fi
)sh";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

ExitCode run(CommandContext& context) {
  if (!context.is_root()) return ExitCode::kDone;
  const std::string& shell = context.operands.front();
  const std::string names = joined(command_names());
  Cases cases = cases_of("    ");
  if (shell == "bash") {
    fmt::print(fmt::runtime(kBash), names, cases.commands, cases.values, cases.paths);
  } else if (shell == "zsh") {
    // There $words is the line itself.
    for (std::string* text : {&cases.commands, &cases.values}) *text = replaced(*text, ") words='", ") choices='");
    fmt::print(fmt::runtime(kZsh), names, cases.commands, cases.values, cases.paths);
  } else {
    throw UsageError(fmt::format("completion: expected bash or zsh, found '{}'", shell));
  }
  return ExitCode::kDone;
}

}  // namespace

Command completion_command() {
  return {.name = "completion",
          .summary = "print a script that makes bash or zsh complete commands, keys and values",
          .schema = schema,
          .run = run,
          .operands = {.usage = "SHELL", .help = "bash or zsh", .min = 1, .max = 1, .words = {"bash", "zsh"}},
          .computes = never_computes};
}

}  // namespace brainmt::app
