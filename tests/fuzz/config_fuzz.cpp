// Configuration files, as `train` and as `prepare` would take them: what is accepted reads back the same from the YAML
// that --cfg prints.
#include <string>

#include "base/error.hpp"
#include "config/config.hpp"
#include "config/keys.hpp"
#include "fuzz/checks.hpp"

namespace brainmt::fuzz {
namespace {

void resolve(Bytes input, const config::Schema& schema) {
  const MemoryFile file(input);
  accepted<UsageError>([&] {
    const config::Config config = config::resolve(schema, {.file = file.path().string()});
    accepted<UsageError>([&] { config.validate(); });
    const std::string printed = config.to_yaml(true);
    const MemoryFile copy(std::as_bytes(std::span(printed)));
    std::string again;
    require(accepted<UsageError>([&] { again = config::resolve(schema, {.file = copy.path().string()}).to_yaml(); }),
            "what --cfg prints is accepted");
    require(again == config.to_yaml(), "what --cfg prints reads back the same");
  });
}

}  // namespace

void run_config(Bytes input) {
  resolve(input, config::train_schema());
  resolve(input, config::prepare_schema());
}

}  // namespace brainmt::fuzz
