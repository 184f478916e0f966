#include "app/program.hpp"
#include "base/signals.hpp"

int main(int argc, char** argv) {
  brainmt::hold_standard_streams();
  brainmt::install_signal_handlers();
  return brainmt::app::run_program(argc, argv);
}
