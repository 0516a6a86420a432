#include "pipeline/shadow_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace joey {

namespace {
constexpr int kNice = 10;
}

ShadowPool::ShadowPool(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

ShadowPool::~ShadowPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ShadowPool::Post(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ShadowPool::Run() {
  // Of this thread only, as Linux has it; without the right to do so it runs as the others do.
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds is given back before the next wait
    lock.lock();
  }
}

}  // namespace joey
