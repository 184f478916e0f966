#pragma once
// Recording rehearsed on the host. A record keeps the closure of the step that was recorded, with all that it captured,
// and a replay runs it again: what was wrongly taken along, a step's number, its samples, factors or labels, is that
// step's for ever, as the arguments of recorded launches are, and shows as a difference from the steps run as ever.
#include <string>
#include <utility>

#include "base/recording.hpp"

namespace brainmt::test {

class Rehearsal final : public LaunchRecorder {
 public:
  bool refuses = false;
  int asked = 0, replays = 0;
  /// Records that live. May be shared with others that count on it.
  int own_count = 0;
  int* records = &own_count;

  std::unique_ptr<LaunchRecord> record(std::function<void()> work, std::string& refused) override {
    ++asked;
    if (!refuses) return std::make_unique<Record>(*this, std::move(work));
    refused = "the rehearsal was told to";
    return nullptr;
  }

 private:
  class Record final : public LaunchRecord {
   public:
    Record(Rehearsal& rehearsal, std::function<void()> work) : rehearsal_(rehearsal), work_(std::move(work)) {
      ++*rehearsal_.records;
    }
    ~Record() override { --*rehearsal_.records; }
    void replay() override {
      ++rehearsal_.replays;
      work_();
    }

   private:
    Rehearsal& rehearsal_;
    std::function<void()> work_;
  };
};

}  // namespace brainmt::test
