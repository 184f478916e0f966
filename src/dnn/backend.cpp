#include "dnn/backend.hpp"

namespace brainmt::dnn {
namespace {

Settings& current() {
  static Settings instance;
  return instance;
}

}  // namespace

void configure(const Settings& settings) { current() = settings; }
const Settings& settings() { return current(); }

}  // namespace brainmt::dnn
