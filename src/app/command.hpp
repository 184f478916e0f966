#pragma once
// A subcommand: name, keys, and the function that runs it. Each cmd_<name>.cpp holds one; program.cpp parses the
// command line, makes the context, and turns what run() returns or throws into the exit code.
#include <mpi.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/communicator.hpp"
#include "config/config.hpp"

namespace brainmt::app {

/// An option of one command beside those that all have: `--verify`, or `--json FILE` when value_name is not empty.
struct Option {
  std::string name;  // without the dashes
  std::string value_name;
  std::string help;
  std::string override_text{};  // key=value that a flag sets
};

/// For commands that replace what they wrote before (app/outputs.hpp).
inline Option overwrite_option() {
  return {"overwrite", "", "replace what this command wrote from other inputs, or what is damaged; nothing else"};
}

/// Arguments of a command. `config` is resolved, valid and equal on all ranks.
struct CommandContext {
  const config::Config& config;
  comm::Communicator& comm;
  MPI_Comm mpi;                                // the same ranks, for HDF5
  std::vector<std::string> operands;           // PATH, NAME
  std::map<std::string, std::string> options;  // those that were given, with their value or ""
  std::vector<std::string> overrides;          // key=value as typed, for the record
  bool dry_run = false;

  bool is_root() const { return comm.rank() == 0; }
  bool has(const std::string& option) const { return options.contains(option); }
};

/// The operands of a command: what stands on its line without '='.
struct Operands {
  std::string usage;  // "PATH"
  std::string help;
  int min = 0, max = 0;
  std::vector<std::string> words{};  // those that are possible, where they are no paths; for completion
};

struct Command {
  std::string name;
  std::string summary;                // one line
  const config::Schema& (*schema)();  // lives for the whole program
  /// Collective over the ranks of the context. Returns kDone or kInterrupted; everything else is thrown
  /// (base/error.hpp).
  ExitCode (*run)(CommandContext&);
  Operands operands{};
  std::vector<Option> options{};
  bool has_dry_run = false;
  /// True if this call computes with tensors. Others also run on machines without a GPU, such as login nodes.
  bool (*computes)(const std::vector<std::string>& operands, bool dry_run) = [](const std::vector<std::string>&,
                                                                                bool dry_run) { return !dry_run; };
  /// Whether this call saves its state when it is asked to stop, and ends by itself. The others are ended
  /// (base/signals.hpp).
  bool (*stops_itself)(const std::vector<std::string>& operands) = [](const std::vector<std::string>&) {
    return false;
  };
  /// One that is ended keeps what it has done, and goes on from there when it is called again.
  bool continues = false;
};

/// For Command::computes.
inline bool never_computes(const std::vector<std::string>&, bool) { return false; }

/// Every command of this build, in the order of the help text.
const std::vector<Command>& commands();

}  // namespace brainmt::app
