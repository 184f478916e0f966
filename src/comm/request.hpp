#pragma once
// A communication under way. The buffers named when it was started belong to it until test() says true or wait()
// returns.
#include <memory>
#include <utility>

namespace brainmt::comm {

class Request {
 public:
  /// What a backend knows about an operation under way. Its destructor waits: MPI cannot cancel a collective and would
  /// go on writing into a buffer that is gone. That ends even when ranks fail at different points: requests start in
  /// the same order everywhere, so the rank that has started the fewest always gets through and can end the job.
  class Operation {
   public:
    virtual ~Operation() = default;
    virtual bool test() = 0;
    virtual void wait() = 0;
  };

  /// A finished request.
  Request() = default;
  explicit Request(std::unique_ptr<Operation> operation) : operation_(std::move(operation)) {}

  /// Whether it is finished; gives the library a chance to move other operations on too.
  bool test() {
    if (operation_ && operation_->test()) operation_.reset();
    return !operation_;
  }
  void wait() {
    if (operation_) operation_->wait();
    operation_.reset();
  }

 private:
  std::unique_ptr<Operation> operation_;
};

}  // namespace brainmt::comm
