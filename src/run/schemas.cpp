#include "run/schemas.hpp"

#include "config/keys.hpp"
#include "models/registry.hpp"

namespace brainmt::run {

const config::Schema& train_schema() {
  static const config::Schema schema = config::train_schema(models::model_keys());
  return schema;
}

const config::Schema& evaluate_schema() {
  static const config::Schema schema = config::evaluate_schema(models::model_keys());
  return schema;
}

const config::Schema& embed_schema() {
  static const config::Schema schema = config::embed_schema(models::model_keys());
  return schema;
}

const config::Schema& weights_schema() {
  static const config::Schema schema = config::weights_schema(models::model_keys());
  return schema;
}

}  // namespace brainmt::run
