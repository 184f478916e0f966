#include "run/checkpoint.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/fault.hpp"
#include "comm/agreement.hpp"
#include "io/file_kind.hpp"
#include "kernels/reduce.hpp"
#include "run/checkpoint_files.hpp"
#include "run/replicas.hpp"
#include "run/tensor_file.hpp"
#include "tensor/views.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpoints = "checkpoints";

void load_moments(const std::filesystem::path& path, const nn::ParameterStore& store, nn::AdamW& optimizer) {
  const auto file = io::SafetensorsFile::open(path);
  for (const nn::Parameter& p : store.all()) {
    read_tensor(file, kFirstMoment + p.name, optimizer.first_moment(p));
    read_tensor(file, kSecondMoment + p.name, optimizer.second_moment(p));
  }
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string broadcast_text(comm::Communicator& comm, std::string text) {
  auto count = static_cast<std::int64_t>(text.size());
  comm.broadcast(&count, 1, comm::DataType::kInt64, 0);
  text.resize(static_cast<std::size_t>(count));
  comm.broadcast(text.data(), text.size(), comm::DataType::kByte, 0);
  return text;
}

void broadcast_tensor(comm::Communicator& comm, const Tensor& tensor) {
  comm.broadcast(tensor.raw(), tensor.bytes(), comm::DataType::kByte, 0);
}

}  // namespace

CheckpointStore::CheckpointStore(comm::Communicator& comm, std::filesystem::path directory, const Settings& settings)
    : comm_(comm), directory_(std::move(directory)), settings_(settings) {
  comm::run_agreed(comm_, [&] {
    if (comm_.rank() != 0) return;
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) throw OutputError(fmt::format("{}: cannot be made: {}", directory_.string(), error.message()));
    remove_leftovers(directory_);
  });
}

void CheckpointStore::save(std::int64_t step, const std::string& state, const nn::ParameterStore& store,
                           const nn::AdamW& optimizer, const Metadata& metadata, bool is_best) {
  finish();  // the image is in use until then
  check_replicas(comm_, store, step);
  if (!kernels::all_finite<float>(kernels::Exec{}, view1<const float>(store.values())))
    throw NonFiniteError(
        fmt::format("step {}: a parameter is not finite; nothing was saved: continue from the last "
                    "checkpoint with a lower optimizer.lr",
                    step));
  if (comm_.rank() == 0) {
    if (!image_) image_ = std::make_unique<CheckpointImage>(store);
    image_->take(store, optimizer);
    fault::at("checkpoint.copied", 0, step);
    writer_.start([this, step, state, metadata, is_best] {
      const auto begin = std::chrono::steady_clock::now();
      commit_checkpoint(directory_, step,
                        [&](const std::filesystem::path& temporary) { image_->write(temporary, state, metadata); });
      if (is_best) write_pointer(directory_, "best", step);
      write_pointer(directory_, "latest", step);
      fault::at("checkpoint.latest", 0, step);
      prune_checkpoints(directory_, settings_.keep);
      last_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    });
  }
  if (!settings_.asynchronous) finish();
}

void CheckpointStore::finish() {
  comm::run_agreed(comm_, [&] {
    if (const auto error = writer_.wait()) throw *error;
  });
  const double seconds = std::exchange(last_seconds_, 0.0);
  if (seconds > 0) written_ = {written_.count + 1, written_.seconds + seconds, std::max(written_.longest, seconds)};
}

std::optional<CheckpointStore::Found> CheckpointStore::find_newest() const {
  std::int64_t step = -1;
  std::string state;
  comm::run_agreed(comm_, [&] {
    if (comm_.rank() != 0) return;
    step = newest_valid_step(directory_).value_or(-1);
    if (step >= 0) state = read_text(directory_ / step_name(step) / kStateFile);
  });
  comm_.broadcast(&step, 1, comm::DataType::kInt64, 0);
  if (step < 0) return std::nullopt;
  return Found{step, broadcast_text(comm_, std::move(state))};
}

void CheckpointStore::load(std::int64_t step, nn::ParameterStore& store, nn::AdamW& optimizer) const {
  comm::run_agreed(comm_, [&] {
    if (comm_.rank() != 0) return;
    const std::filesystem::path directory = directory_ / step_name(step);
    load_weights(io::SafetensorsFile::open(directory / kModelFile), store);
    load_moments(directory / kOptimizerFile, store, optimizer);
  });
  for (const Tensor& tensor : {store.values(), optimizer.first_moments(), optimizer.second_moments()})
    broadcast_tensor(comm_, tensor);
  store.refresh_compute();
}

std::filesystem::path model_file_of(comm::Communicator& comm, const std::filesystem::path& run_dir,
                                    const std::string& which) {
  const std::filesystem::path directory = run_dir / kCheckpoints;
  std::int64_t step = -1;
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0) step = choose_step(directory, which);
  });
  comm.broadcast(&step, 1, comm::DataType::kInt64, 0);
  return directory / step_name(step) / kModelFile;
}

std::filesystem::path weights_file_of(comm::Communicator& comm, std::filesystem::path path) {
  if (path.filename().empty()) path = path.parent_path();  // a slash at its end
  // Rank 0 looks: what is there, and which checkpoint of a run is meant; none: the path is a file.
  std::string run, which;
  comm::run_agreed(comm, [&] {
    if (comm.rank() != 0) return;
    std::error_code unknown;
    const fs::path folder = path.parent_path();
    if (fs::is_directory(path, unknown)) {
      if (fs::exists(path / kModelFile, unknown)) {
        path /= kModelFile;
      } else if (path.filename() == kCheckpoints) {
        run = (folder / "").string();
        which = "best";
      } else if (io::is_run_directory(path)) {
        run = path.string();
        which = "best";
      }
    } else if (folder.filename() == kCheckpoints && read_pointer(folder, path.filename().string())) {
      run = (folder.parent_path() / "").string();
      which = path.filename().string();
    }
  });
  which = broadcast_text(comm, std::move(which));
  if (which.empty()) return broadcast_text(comm, path.string());
  return model_file_of(comm, broadcast_text(comm, std::move(run)), which);
}

}  // namespace brainmt::run
