#include "run/background_work.hpp"

#include <system_error>
#include <utility>

#include "base/log.hpp"

namespace brainmt::run {

BackgroundWork::~BackgroundWork() {
  if (const auto error = wait()) log::error("{}", error->what());
}

void BackgroundWork::start(std::function<void()> work) {
  BRAINMT_CHECK(!done_.valid() && !error_, "work is started before the last one was waited for");
  try {
    done_ = std::async(std::launch::async, [this, work] { run(work); });
  } catch (const std::system_error& error) {
    log::warn("no thread for work in the background ({}): training waits for it instead", error.what());
    run(work);
  }
}

void BackgroundWork::run(const std::function<void()>& work) {
  try {
    work();
    return;
  } catch (const Error& error) {
    error_ = error;
  } catch (const std::exception& error) {
    error_ = InternalError(error.what());
  }
  failed_ = true;
}

std::optional<Error> BackgroundWork::wait() {
  if (done_.valid()) done_.get();
  failed_ = false;
  return std::exchange(error_, std::nullopt);
}

}  // namespace brainmt::run
