#include "io/mpi_reader.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/mpi_communicator.hpp"

namespace brainmt::io {
namespace {

std::string mpi_text(int code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int size = 0;
  MPI_Error_string(code, text, &size);
  return {text, static_cast<std::size_t>(size)};
}

MPI_File open_file(MPI_Comm comm, const std::filesystem::path& path) {
  MPI_File file = MPI_FILE_NULL;
  const int code = MPI_File_open(comm, path.c_str(), MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
  if (code != MPI_SUCCESS)
    throw DataError(
        fmt::format("cannot open '{}' through MPI-IO: {}; try data.io=posix", path.string(), mpi_text(code)));
  return file;
}

void close_file(MPI_File& file) { MPI_File_close(&file); }

// What a read call returned: throws unless it brought all of `wanted` bytes, which it counts.
void check_read(int code, const MPI_Status& status, std::size_t wanted, std::uint64_t offset, const CohortFile& file,
                std::atomic<std::uint64_t>& counter) {
  if (code != MPI_SUCCESS)
    throw DataError(fmt::format("cannot read '{}' through MPI-IO: {}", file.path.string(), mpi_text(code)));
  int got = 0;
  MPI_Get_count(&status, MPI_BYTE, &got);
  counter += static_cast<std::uint64_t>(std::max(got, 0));
  if (got < 0 || static_cast<std::size_t>(got) != wanted) {
    throw DataError(fmt::format("'{}' is cut short: {} of {} bytes could be read at byte {}; copy or make it again",
                                file.path.string(), got, wanted, offset));
  }
}

class IndependentReader final : public FrameReader {
 public:
  IndependentReader(StoreFiles& stores, std::size_t largest_piece) : stores_(stores), largest_piece_(largest_piece) {}
  ~IndependentReader() override { open_.close_all(close_file); }

  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) override {
    const CohortFile& store = stores_.files()[file];
    MPI_File handle = open_.get(
        file, [&] { return open_file(MPI_COMM_SELF, store.path); }, close_file);
    while (!out.empty()) {
      const std::size_t piece = std::min(out.size(), largest_piece_);
      MPI_Status status = {};
      const int code = MPI_File_read_at(handle, static_cast<MPI_Offset>(offset), out.data(), static_cast<int>(piece),
                                        MPI_BYTE, &status);
      check_read(code, status, piece, offset, store, stores_.bytes_read());
      out = out.subspan(piece);
      offset += piece;
    }
  }

 private:
  StoreFiles& stores_;
  const std::size_t largest_piece_;
  FewOpen<MPI_File> open_;
};

// Protocol of collective reads. Each round:
//   1. all-gather of one ticket per rank: its request, or failed, stopped, finished
//   2. for each file that any rank wants: MPI_File_read_at_all, with count 0 on ranks without a request for it
// All ranks see the same tickets, so they leave in the same round. A rank blocks in rounds only, never for room in its
// own queue: that could deadlock the others. When a finished rank leaves, the rounds end and the others read on alone.
class CollectiveReader final : public FrameReader {
 public:
  CollectiveReader(StoreFiles& stores, MPI_Comm comm, std::size_t largest_piece)
      : stores_(stores), largest_piece_(largest_piece) {
    MPI_Comm_rank(comm, &rank_);
    in_turn(comm, [&] { comm_.emplace(comm); });
    tickets_.resize(static_cast<std::size_t>(comm_->size()));
  }

  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) override {
    if (!left_) round({Ticket::kWants, static_cast<std::uint32_t>(file), out.size()}, offset, out);
    if (left_) return stores_.read(file, offset, out);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  void idle_until(const Pause& pause) override {
    take_part(Ticket::kIdle, pause);
    if (left_) FrameReader::idle_until(pause);
  }

  void finish(const Pause& stopped) override {
    finished_ = true;
    take_part(Ticket::kFinished, stopped);
  }

  void leave(std::exception_ptr failure) override {
    if (left_) return;
    own_failure_ = failure;
    round({failure ? Ticket::kFailed : finished_ ? Ticket::kGone : Ticket::kStopped, 0, 0}, 0, {});
  }

 private:
  struct Ticket {
    enum Kind : std::uint32_t { kIdle, kWants, kFinished, kGone, kStopped, kFailed };
    Kind kind = kIdle;
    std::uint32_t file = 0;
    std::uint64_t bytes = 0;
  };

  bool any(Ticket::Kind kind) const {
    return std::ranges::any_of(tickets_, [&](const Ticket& t) { return t.kind == kind; });
  }

  // Rounds without a request of this rank. While no rank reads, a rank waiting for room polls with growing pauses, so
  // an idle loader costs little CPU.
  void take_part(Ticket::Kind kind, const Pause& pause) {
    constexpr std::chrono::microseconds kShort{100}, kLong{5000};
    auto nap = kShort;
    while (!left_ && !pause(nap)) {
      round({kind, 0, 0}, 0, {});
      nap = any(Ticket::kWants) ? kShort : std::min(nap * 2, kLong);
    }
  }

  void round(const Ticket& mine, std::uint64_t offset, std::span<std::byte> out) {
    BRAINMT_CHECK(!left_, "a reader that has left takes part in no round");
    poll([&](MPI_Request* request) {
      MPI_Iallgather(&mine, sizeof mine, MPI_BYTE, tickets_.data(), sizeof mine, MPI_BYTE, comm_->handle(), request);
    });
    const bool all_finished =
        std::ranges::all_of(tickets_, [](const Ticket& t) { return t.kind == Ticket::kFinished; });
    if (any(Ticket::kFailed) || any(Ticket::kStopped)) {
      end_together(mine.kind);
    } else if (any(Ticket::kGone) || all_finished) {
      in_turn(comm_->handle(), [&] { close(); });
    } else if (any(Ticket::kWants)) {
      in_turn(comm_->handle(), [&] { read_files(mine, offset, out); });
    }
  }

  // Waits for a nonblocking operation by sleeping between tests: the core belongs to the model.
  template <class Start>
  static void poll(Start start) {
    constexpr int kSpins = 50;
    constexpr std::chrono::microseconds kMaxNap{500};
    MPI_Request request = MPI_REQUEST_NULL;
    start(&request);
    std::chrono::microseconds nap{20};
    for (int tries = 0;; ++tries) {
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0) return;
      if (tries < kSpins) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(nap);
        nap = std::min(nap * 2, kMaxNap);
      }
    }
  }

  static void barrier(MPI_Comm comm) {
    poll([&](MPI_Request* request) { MPI_Ibarrier(comm, request); });
  }

  // Serialises collective MPI-IO calls of several readers of one process. ROMIO holds a process-wide lock while it
  // waits for other ranks, so two readers that enter in different orders on two ranks deadlock; creating communicators
  // too. Rank 0 takes the process's mutex first, the others start after it, and it unlocks when all are done.
  template <class Work>
  void in_turn(MPI_Comm comm, Work work) const {
    std::unique_lock lock(turn_, std::defer_lock);
    if (rank_ == 0) lock.lock();
    barrier(comm);
    try {
      work();
    } catch (...) {  // thrown on all ranks
      barrier(comm);
      throw;
    }
    barrier(comm);
  }

  // Every rank is here in the same round. The lowest failed rank's error becomes everyone's; without one, ranks that
  // still wanted windows learn who stopped.
  void end_together(Ticket::Kind mine) {
    in_turn(comm_->handle(), [&] { close(); });
    comm::agree_on_error(*comm_, own_failure_);
    if (mine == Ticket::kStopped || mine == Ticket::kGone || mine == Ticket::kFinished) return;
    const auto stopped = std::ranges::find(tickets_, Ticket::kStopped, &Ticket::kind);
    throw CommError(
        fmt::format("rank {} stopped reading windows while rank {} still did", stopped - tickets_.begin(), rank_));
  }

  void read_files(const Ticket& mine, std::uint64_t offset, std::span<std::byte> out) {
    std::map<std::uint32_t, std::uint64_t> max_request;  // bytes of the largest request, by file
    for (const Ticket& t : tickets_)
      if (t.kind == Ticket::kWants) max_request[t.file] = std::max(max_request[t.file], t.bytes);
    for (const auto& [file, bytes] : max_request) {
      MPI_File handle = opened(file);
      const bool is_mine = mine.kind == Ticket::kWants && mine.file == file;
      std::uint64_t at = offset;
      std::span<std::byte> rest = is_mine ? out : std::span<std::byte>();
      for (std::uint64_t done = 0; done < bytes; done += largest_piece_) {
        const std::size_t piece = std::min(rest.size(), largest_piece_);
        MPI_Status status = {};
        const int code = MPI_File_read_at_all(handle, static_cast<MPI_Offset>(at), rest.data(), static_cast<int>(piece),
                                              MPI_BYTE, &status);
        if (piece > 0) note(code, status, piece, at, file);
        rest = rest.subspan(piece);
        at += piece;
      }
    }
  }

  // Keeps this rank's first failure until the round is over: the calls of a round are made by all ranks or none.
  void note(int code, const MPI_Status& status, std::size_t piece, std::uint64_t at, std::size_t file) {
    try {
      const CohortFile& store = stores_.files()[file];
      check_read(code, status, piece, at, store, stores_.bytes_read());
      check_size(store);  // the ranks that read for others may report whole pieces of a file that has become shorter
    } catch (const DataError&) {
      if (!failure_) failure_ = std::current_exception();
    }
  }

  // Opening is tried by every rank for itself first: a collective open that fails on one rank only may not return on
  // the others.
  MPI_File opened(std::size_t file) {
    const CohortFile& store = stores_.files()[file];
    try {
      return open_.get(
          file,
          [&] {
            comm::run_agreed(*comm_, [&] { check_size(store); });
            MPI_File handle = MPI_FILE_NULL;
            comm::run_agreed(*comm_, [&] { handle = open_file(comm_->handle(), store.path); });
            return handle;
          },
          close_file);
    } catch (...) {
      close();
      throw;
    }
  }

  static void check_size(const CohortFile& store) {
    const std::uint64_t bytes = file_size(open_for_reading(store.path), store.path);
    if (bytes == store.bytes) return;
    throw DataError(
        fmt::format("'{}' has {} bytes, {} when it was opened: it is cut short or was replaced; copy or make it "
                    "again",
                    store.path.string(), bytes, store.bytes));
  }

  // Collective.
  void close() {
    open_.close_all(close_file);
    left_ = true;
  }

  static inline std::mutex turn_;  // one for all readers of the process
  StoreFiles& stores_;
  const std::size_t largest_piece_;
  std::optional<comm::MpiCommunicator> comm_;
  int rank_ = 0;
  bool finished_ = false;        // has nothing to read any more
  bool left_ = false;            // the rounds are over
  std::vector<Ticket> tickets_;  // of the last round, by rank
  FewOpen<MPI_File> open_;
  std::exception_ptr failure_;      // of this rank's own request in this round
  std::exception_ptr own_failure_;  // why this rank leaves
};

}  // namespace

std::unique_ptr<FrameReader> make_independent_reader(StoreFiles& stores, std::size_t largest_piece) {
  return std::make_unique<IndependentReader>(stores, largest_piece);
}

std::unique_ptr<FrameReader> make_collective_reader(StoreFiles& stores, MPI_Comm comm, std::size_t largest_piece) {
  return std::make_unique<CollectiveReader>(stores, comm, largest_piece);
}

}  // namespace brainmt::io
