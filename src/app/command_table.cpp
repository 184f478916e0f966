#include "app/command_table.hpp"

namespace brainmt::app {

const std::vector<Command>& commands() {
  static const std::vector<Command> table{
      synth_command(),   prepare_command(),  parcellate_command(), inspect_command(),
      train_command(),   evaluate_command(), baseline_command(),   sweep_command(),
      embed_command(),   fc_command(),       report_command(),     compare_command(),
      weights_command(), bench_command(),    doctor_command(),     completion_command()};
  return table;
}

}  // namespace brainmt::app
