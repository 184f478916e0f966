#pragma once
// A team of threads that play the members of a device's team (kernels/device/team.hpp), for tests without a device.
// One runs at a time: where members wait for each other, at a barrier or an exchange, the turn goes round once. So a
// run is reproducible, and what a member reads too early, for want of a barrier, is not there yet: for the first
// members when the turn starts with them, for the last ones when it starts with those.
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace brainmt::test {

class EmulatedTeam {
 public:
  EmulatedTeam(int members, bool last_first)
      : wake_(static_cast<std::size_t>(members)), slots_(static_cast<std::size_t>(members)), last_first_(last_first) {}

  /// What LockstepTeam asks of a member.
  class Member {
   public:
    Member(EmulatedTeam& team, int rank) : team_(&team), rank_(rank) {}
    int rank() const { return rank_; }
    void barrier() const { team_->arrive(rank_); }
    template <class M>
    M exchange(M value, int distance) const {
      std::array<double, 2>& mine = team_->slots_[static_cast<std::size_t>(rank_)];
      const std::size_t parity = exchanges_++ % 2;  // the other slot may still be wanted from the exchange before
      mine[parity] = static_cast<double>(value);
      team_->arrive(rank_);
      return static_cast<M>(team_->slots_[static_cast<std::size_t>(rank_ ^ distance)][parity]);
    }

   private:
    EmulatedTeam* team_;
    int rank_;
    mutable std::size_t exchanges_ = 0;
  };

  /// f(member) by every member; false if they did not all wait equally often, which would hang a device.
  template <class F>
  bool run(const F& f) {
    const int members = static_cast<int>(wake_.size());
    turn_ = last_first_ ? members - 1 : 0;
    left_ = members;
    even_ = true;
    std::vector<std::thread> threads;
    for (int rank = 0; rank < members; ++rank)
      threads.emplace_back([&, rank] {
        wait(rank);
        f(Member(*this, rank));
        std::unique_lock lock(mutex_);
        --left_;
        pass_on(rank);
      });
    for (std::thread& thread : threads) thread.join();
    return even_;
  }

 private:
  void wait(int rank) {
    std::unique_lock lock(mutex_);
    wake_[static_cast<std::size_t>(rank)].wait(lock, [&] { return turn_ == rank; });
  }
  void arrive(int rank) {
    {
      std::unique_lock lock(mutex_);
      if (left_ < static_cast<int>(wake_.size())) {  // some have left: a barrier would deadlock
        even_ = false;
        return;
      }
      pass_on(rank);
    }
    wait(rank);
  }
  void pass_on(int rank) {
    const int members = static_cast<int>(wake_.size());
    turn_ = (rank + (last_first_ ? members - 1 : 1)) % members;
    wake_[static_cast<std::size_t>(turn_)].notify_one();
  }

  std::mutex mutex_;
  std::vector<std::condition_variable> wake_;
  std::vector<std::array<double, 2>> slots_;
  bool last_first_, even_ = true;
  int turn_ = 0, left_ = 0;
};

}  // namespace brainmt::test
