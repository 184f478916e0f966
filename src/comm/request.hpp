#pragma once
// A communication in progress. Its buffers must not be touched until test() returns true or wait() returns.
#include <memory>
#include <utility>

namespace brainmt::comm {

class Request {
 public:
  /// A back end's operation in progress. Its destructor waits: MPI cannot cancel a collective and would write into
  /// freed buffers. That ends even when ranks fail at different points: requests start in the same order everywhere, so
  /// the rank that has started the fewest always gets through and can end the job.
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
