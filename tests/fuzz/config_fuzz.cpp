// Configuration files, as `train` and as `prepare` would take them: what is accepted reads back the same from the YAML
// that --cfg prints.
#include <string>

#include "base/error.hpp"
#include "config/config.hpp"
#include "config/keys.hpp"
#include "fuzz/checks.hpp"

namespace brainmt::fuzz {
namespace {

// Keys of each type, where the program has those of its families of models.
const config::Schema& train_schema() {
  using namespace config;
  static const Schema schema = config::train_schema(
      {{.family = "first",
        .keys = {integer("model.width", 8, "a number").at_least(1), integers("model.depth", {1, 1}, "numbers")}},
       {.family = "second", .keys = {boolean("model.flag", true, "a flag"), real("model.rate", 0.1, "a rate")}}});
  return schema;
}

void resolve(Bytes input, const config::Schema& schema) {
  const MemoryFile file(input);
  accepted<UsageError>([&] {
    const config::Config config =
        config::resolve(schema, {.file = file.path().string(), .overrides = {}, .directories = {}});
    accepted<UsageError>([&] { config.validate(); });
    const std::string printed = config.to_yaml(true);
    const MemoryFile copy(std::as_bytes(std::span(printed)));
    std::string again;
    require(accepted<UsageError>([&] {
              again =
                  config::resolve(schema, {.file = copy.path().string(), .overrides = {}, .directories = {}}).to_yaml();
            }),
            "what --cfg prints is accepted");
    require(again == config.to_yaml(), "what --cfg prints reads back the same");
  });
}

}  // namespace

void run_config(Bytes input) {
  resolve(input, train_schema());
  resolve(input, config::prepare_schema());
}

}  // namespace brainmt::fuzz
