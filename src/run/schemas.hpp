#pragma once
// The keys of the commands that work with a model: those of config/keys.hpp with the families of models/registry.hpp.
#include "config/schema.hpp"

namespace brainmt::run {

const config::Schema& train_schema();
const config::Schema& evaluate_schema();
const config::Schema& embed_schema();
const config::Schema& weights_schema();

}  // namespace brainmt::run
