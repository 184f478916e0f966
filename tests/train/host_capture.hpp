#pragma once
// Stream capture on the host. A graph keeps the closure of the captured step, with all that it holds, and a launch runs
// it again: what was wrongly taken along (a step's number, its samples, factors or labels) stays that step's, as the
// arguments of captured launches do, and shows as a difference from eager steps.
#include <string>
#include <utility>

#include "base/capture.hpp"

namespace brainmt::test {

class HostCapture final : public StreamCapture {
 public:
  bool refuses = false;
  int captures = 0, launches = 0;
  /// Graphs that live. May be shared with others that count on it.
  int own_count = 0;
  int* graphs = &own_count;

  std::unique_ptr<CapturedWork> capture(std::function<void()> work, std::string& refused) override {
    ++captures;
    if (!refuses) return std::make_unique<Graph>(*this, std::move(work));
    refused = "the test says so";
    return nullptr;
  }

 private:
  class Graph final : public CapturedWork {
   public:
    Graph(HostCapture& capture, std::function<void()> work) : capture_(capture), work_(std::move(work)) {
      ++*capture_.graphs;
    }
    ~Graph() override { --*capture_.graphs; }
    void launch() override {
      ++capture_.launches;
      work_();
    }

   private:
    HostCapture& capture_;
    std::function<void()> work_;
  };
};

}  // namespace brainmt::test
