// `brainmt weights export|import`. Both sides are safetensors with the published names in float32; a file of ours also
// says in its metadata which model it belongs to.
//   export: the weights of a checkpoint as a file to give away
//   import: a folder of BrainLM as published (config.json beside it), or a file from elsewhere, checked against the model of model.* and grid, as a file that evaluate takes as it
//   is
#include <fmt/ranges.h>

#include <algorithm>

#include "app/command_table.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/file_kind.hpp"
#include "io/safetensors.hpp"
#include "models/registry.hpp"
#include "run/checkpoint_files.hpp"
#include "run/given_keys.hpp"
#include "run/outputs.hpp"
#include "run/published.hpp"
#include "run/schemas.hpp"
#include "run/weights.hpp"
#include "task/objective.hpp"

namespace brainmt::app {
namespace {

namespace fs = std::filesystem;

// The weights of a run directory's checkpoint, after its manifest was checked.
fs::path checkpoint_weights(const fs::path& run, const std::string& which) {
  io::refuse_other_kinds(run, io::FileKind::kRun, "a run directory");
  const fs::path checkpoints = run / "checkpoints";
  auto step = run::read_pointer(checkpoints, which);
  if (!step) step = run::newest_valid_step(checkpoints);
  if (!step)
    throw DataError(fmt::format("{}: expected a run directory with a complete checkpoint in it", run.string()));
  run::verify_checkpoint(checkpoints, *step);
  return checkpoints / run::step_name(*step) / run::kModelFile;
}

void check_output(const CommandContext& context, const fs::path& in, const run::Metadata& metadata) {
  run::check_outputs({.files = {{"out", context.config.get<std::string>("out"), run::weights_kind(metadata)}},
                      .inputs = {in},
                      .overwrite = context.has("overwrite")});
}

void export_weights(const CommandContext& context) {
  const config::Config& config = context.config;
  const auto file = io::SafetensorsFile::open(
      checkpoint_weights(config.get<std::string>("in"), config.get<std::string>("checkpoint")));
  run::check_given(config, file, fmt::format("in={}", config.get<std::string>("in")));
  run::check_finite(file);
  check_output(context, file.path(), file.metadata());
  std::vector<io::TensorToWrite> tensors;
  for (const std::string& name : file.names()) {
    if (name.starts_with(task::kObjectivePrefix)) continue;  // no parameter of the model
    const io::StoredTensor& tensor = file.info(name);
    tensors.push_back({name, tensor.type, tensor.shape, file.bytes(name).data()});
  }
  std::vector<models::FixedTable> tables;
  if (file.metadata().contains(run::kModelKey))
    tables =
        models::make_model(run::described_model(file), DType::kF32, models::Model::Memory::kSizesOnly)->fixed_tables();
  for (const models::FixedTable& table : tables)
    if (!file.contains(table.name))
      tensors.push_back(
          {table.name, io::StoredType::kF32, {table.shape.begin(), table.shape.end()}, table.values.data()});
  io::write_safetensors(config.get<std::string>("out"), tensors, file.metadata());
}

// What a published folder does not say: coordinates, and how series are brought to scale.
models::DataSpec data_of_published(const config::Config& config) {
  models::DataSpec data;
  if (const auto path = config.get<std::string>("xyz"); !path.empty()) data.xyz = run::parcel_coordinates(path);
  if (const auto kind = config.get<std::string>("normalize"); kind != "none")
    data.normalization = std::make_shared<const models::SeriesNormalization>(
        models::SeriesNormalization{.kind = models::normalization_named(kind), .std = config.get<double>("std")});
  return data;
}

// A folder with config.json; runs have config.yaml.
bool is_published(const fs::path& in) { return fs::exists(in / "config.json"); }

void import_published(const CommandContext& context) {
  const fs::path folder = context.config.get<std::string>("in");
  const run::PublishedModel published = run::read_published(folder, data_of_published(context.config));
  run::Metadata metadata = published.file.metadata();
  metadata[run::kModelKey] = run::describe_model(*published.model);
  check_output(context, published.file.path(), metadata);
  run::save_weights(context.config.get<std::string>("out"), published.model->parameters(), metadata);
}

std::unique_ptr<models::Model> model_of(const io::SafetensorsFile& file, const config::Config& config) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid");
  if (file.metadata().contains(run::kModelKey)) {
    const models::Description described = run::described_model(file);
    if (config.is_set("grid") && !std::ranges::equal(grid, described.data.grid))
      throw UsageError(fmt::format("grid=[{}]: the model of in={} is made for [{}]: leave it out",
                                   fmt::join(grid, ", "), file.path().string(), fmt::join(described.data.grid, ", ")));
    return models::make_model(described, DType::kF32);
  }
  return models::plan_of(config).make(
      {.grid = {grid[0], grid[1], grid[2]}, .parcels = config.get<std::int64_t>("parcels")}, DType::kF32,
      models::Model::Memory::kAllocate);
}

void import_weights(const CommandContext& context) {
  const config::Config& config = context.config;
  const auto file = io::SafetensorsFile::open(config.get<std::string>("in"));
  run::check_given(config, file, fmt::format("in={}", file.path().string()));
  const auto model = model_of(file, config);
  run::Metadata metadata = file.metadata();
  metadata[run::kModelKey] = run::describe_model(*model);
  check_output(context, file.path(), metadata);
  run::load_weights(file, *model);
  run::save_weights(config.get<std::string>("out"), model->parameters(), metadata);
}

ExitCode run(CommandContext& context) {
  const std::string& direction = context.operands.front();
  if (direction != "import" && direction != "export") {
    throw UsageError(fmt::format("weights: expected import or export, found '{}'", direction));
  }
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    if (direction == "export") export_weights(context);
    if (direction == "import")
      is_published(context.config.get<std::string>("in")) ? import_published(context) : import_weights(context);
    fmt::print("{}\n", context.config.get<std::string>("out"));
  });
  return ExitCode::kDone;
}

}  // namespace

Command weights_command() {
  return {.name = "weights",
          .summary = "weights between checkpoints and safetensors with the published parameter names",
          .schema = run::weights_schema,
          .run = run,
          .operands = {.usage = "import|export",
                       .help = "export a run's checkpoint, or import and check a file",
                       .min = 1,
                       .max = 1,
                       .words = {"import", "export"}},
          .options = {overwrite_option()}};
}

}  // namespace brainmt::app
