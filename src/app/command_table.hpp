#pragma once
// One function per cmd_<name>.cpp, which command_table.cpp puts in the order of the help text.
#include "app/command.hpp"

namespace brainmt::app {

Command synth_command();
Command prepare_command();
Command parcellate_command();
Command inspect_command();
Command train_command();
Command evaluate_command();
Command baseline_command();
Command embed_command();
Command fc_command();
Command report_command();
Command compare_command();
Command sweep_command();
Command weights_command();
Command bench_command();
Command doctor_command();
Command completion_command();

}  // namespace brainmt::app
