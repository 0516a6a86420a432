#include "runtime/worker_pool.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/cgroup.h"
#include "base/format_bytes.h"
#include "base/limits.h"
#include "runtime/worker_process.h"

namespace joey {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

enum class State {
  kDown,      // without a process until its time has come
  kStarting,  // the supervisor's
  kIdle,      // the supervisor's, to be given to a caller
  kBusy,      // a caller's
  kDead,      // ended by its caller; the supervisor puts it away
};

struct Slot {
  State state = State::kDown;
  std::unique_ptr<WorkerProcess> process;  // made and destroyed by the supervisor only
  Clock::time_point until{};               // kDown: next start; kStarting: must be ready
  int failures = 0;                        // since its last answer
  bool exit_seen = false;                  // while a caller had it
  std::uint64_t last_id = 0;
};

struct Waiter {
  std::condition_variable changed;
  Slot* given = nullptr;
  bool refused = false;
};

// The first failure after an answer costs nothing: most are accidents of one request.
milliseconds BackOff(int failures) {
  if (failures <= 1) return milliseconds(0);
  const seconds most(limits::kWorkerBackOffSecondsMax);
  milliseconds delay(200);
  for (int i = 2; i < failures && delay < most; ++i) delay *= 2;
  return std::min<milliseconds>(delay, most);
}

// Broken workers are ended; these say that nothing happened to the worker.
bool WorkerIsWell(Code code) {
  return code == Code::kPayloadTooLarge || code == Code::kResourceExhausted;
}

}  // namespace

struct WorkerPool::Impl {
  explicit Impl(WorkerPoolOptions given)
      : options(std::move(given)),
        slots(static_cast<std::size_t>(std::max(1, options.processes))),
        wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  // Of any thread.
  void Wake() { (void)!::eventfd_write(wake.get(), 1); }
  Result<Slot*> Acquire();
  void Release(Slot* slot);
  void Bury(Slot* slot, const std::string& reason);
  Status Failure(Slot* slot, const Status& status);

  // Of the supervisor.
  void Supervise();
  void StartDue();
  void PutAwayDead();
  void Poll();
  void LookAfter(Slot& slot, bool output, bool exited, bool message);
  void FinishStart(Slot& slot);
  void CheckMemory();
  void Fail(Slot& slot, const std::string& reason);  // with the mutex held
  void Give(Slot& slot);                             // with the mutex held

  const WorkerPoolOptions options;
  std::vector<Slot> slots;
  UniqueFd wake;
  std::mutex mutex;  // over the slots' states, the waiters and what follows
  std::deque<Waiter*> waiters;
  std::condition_variable started;
  bool was_ready = false;
  bool gave_up = false;  // before any was ready
  Status start_failure;
  std::string ready_text;
  std::string last_reason;
  std::atomic<int> out_of_memory_kills = OwnOutOfMemoryKills();  // of the engine's control group
  bool stop = false;
  Clock::time_point next_memory_check{};
  std::thread supervisor;
};

// ---- of callers

Result<Slot*> WorkerPool::Impl::Acquire() {
  std::unique_lock lock(mutex);
  if (waiters.empty()) {
    for (Slot& slot : slots) {
      if (slot.state != State::kIdle) continue;
      slot.state = State::kBusy;
      return &slot;
    }
  }
  const bool hopeless = std::ranges::all_of(slots, [](const Slot& slot) {
    return (slot.state == State::kDown || slot.state == State::kDead) && slot.failures > 1;
  });
  if (hopeless) {
    return Unavailable(options.name + " keeps failing: " + last_reason,
                       "it is started again with growing pauses; see the engine's log");
  }
  Waiter waiter;
  waiters.push_back(&waiter);
  waiter.changed.wait_for(lock, options.timeout,
                          [&] { return waiter.given != nullptr || waiter.refused; });
  if (waiter.given != nullptr) return waiter.given;
  std::erase(waiters, &waiter);
  if (waiter.refused) {
    return Unavailable(options.name + " keeps failing: " + last_reason,
                       "it is started again with growing pauses; see the engine's log");
  }
  return Unavailable(
      options.name + ": no worker was free for " + std::to_string(options.timeout.count()) + " ms",
      "send again later, or deploy with more CPUs or replicas");
}

void WorkerPool::Impl::Give(Slot& slot) {
  if (waiters.empty()) {
    slot.state = State::kIdle;
    return;
  }
  Waiter* first = waiters.front();
  waiters.pop_front();
  slot.state = State::kBusy;
  first->given = &slot;
  first->changed.notify_one();
}

void WorkerPool::Impl::Release(Slot* slot) {
  std::lock_guard lock(mutex);
  slot->failures = 0;
  if (slot->exit_seen) {
    slot->state = State::kDead;
    Wake();
    return;
  }
  Give(*slot);
}

// The process was ended by its caller.
void WorkerPool::Impl::Bury(Slot* slot, const std::string& reason) {
  std::lock_guard lock(mutex);
  slot->state = State::kDead;
  ++slot->failures;
  last_reason = reason;
  Wake();
}

// What became of a request whose worker did not answer properly. Ends the worker.
Status WorkerPool::Impl::Failure(Slot* slot, const Status& status) {
  constexpr milliseconds kOwnEnd{1000};  // a process that closed its channel is about to end
  const std::string who = options.name;
  Status out;
  if (status.code() == Code::kDeadlineExceeded) {
    slot->process->End();
    out = {Code::kDeadlineExceeded,
           who + " did not answer within " + std::to_string(options.timeout.count()) +
               " ms and was ended",
           "make it faster, or send fewer rows per request"};
  } else if (status.code() == Code::kUnavailable) {
    std::string ending = slot->process->End(kOwnEnd);
    const bool killed = ending.starts_with("signal 9");
    // Workers are the first that the kernel takes when their group has used up its memory.
    const int kills = OwnOutOfMemoryKills();
    const bool group_full = kills > out_of_memory_kills.exchange(kills) && killed;
    if (slot->process->killed_for_memory()) {
      out = ResourceExhausted(
          who + " used more than " + FormatBytes(options.memory_bytes) + " and was ended",
          "send fewer rows per request, or deploy with more memory()");
    } else if (group_full) {
      out = ResourceExhausted(
          who + " was ended: the engine and its workers have used up the deployment's memory",
          "send fewer rows per request, or deploy with more memory()");
    } else {
      out = Unavailable(who + " died while it worked on this request: " + ending,
                        killed ? "somebody ended it, or the machine is short of memory"
                               : "it is started again; what it printed is in the engine's log");
    }
  } else {
    slot->process->End();
    out = status.WithContext(who);
  }
  Bury(slot, out.message());
  spdlog::warn("{}", out.message());
  return out;
}

// ---- of the supervisor

void WorkerPool::Impl::Supervise() {
  for (;;) {
    {
      std::lock_guard lock(mutex);
      if (stop) break;
    }
    PutAwayDead();
    StartDue();
    Poll();
    CheckMemory();
  }
  for (Slot& slot : slots) {
    if (slot.process == nullptr) continue;
    slot.process->End();
    slot.process->output().ReadSome();
    slot.process->output().Finish();
    slot.process.reset();
  }
}

void WorkerPool::Impl::PutAwayDead() {
  for (Slot& slot : slots) {
    std::unique_ptr<WorkerProcess> dead;
    {
      std::lock_guard lock(mutex);
      if (slot.state != State::kDead) continue;
      dead = std::move(slot.process);
      slot.state = State::kDown;
      slot.exit_seen = false;
      slot.until = Clock::now() + BackOff(slot.failures);
    }
    dead->End();
    dead->output().ReadSome();
    dead->output().Finish();
  }
  std::lock_guard lock(mutex);
  const bool hopeless = std::ranges::all_of(
      slots, [](const Slot& slot) { return slot.state == State::kDown && slot.failures > 1; });
  if (!hopeless) return;
  for (Waiter* waiter : waiters) {
    waiter->refused = true;
    waiter->changed.notify_one();
  }
}

// One at a time: the first is ready sooner that way.
void WorkerPool::Impl::StartDue() {
  Slot* due = nullptr;
  {
    std::lock_guard lock(mutex);
    const bool starting =
        std::ranges::any_of(slots, [](const Slot& slot) { return slot.state == State::kStarting; });
    if (starting || gave_up) return;
    const auto now = Clock::now();
    for (Slot& slot : slots) {
      if (due == nullptr && slot.state == State::kDown && slot.until <= now) due = &slot;
    }
    if (due == nullptr) return;
    due->state = State::kStarting;
    due->until = now + options.start_timeout;
  }
  Result<std::unique_ptr<WorkerProcess>> process = WorkerProcess::Start(options);
  std::lock_guard lock(mutex);
  if (process.ok()) {
    due->process = std::move(*process);
  } else {
    start_failure = process.status();
    Fail(*due, process.status().ToString());
  }
}

void WorkerPool::Impl::Fail(Slot& slot, const std::string& reason) {
  slot.state = slot.process == nullptr ? State::kDown : State::kDead;
  ++slot.failures;
  slot.until = Clock::now() + BackOff(slot.failures);
  last_reason = reason;
  if (was_ready) {
    spdlog::warn("{} has to be started again: {}", options.name, reason);
  } else {
    gave_up = true;
    if (start_failure.ok()) start_failure = Unavailable(options.name + " " + reason);
    started.notify_all();
  }
}

// Waits for something to look after, and does.
void WorkerPool::Impl::Poll() {
  struct Watch {
    Slot* slot;
    std::size_t output;  // indices of `polls`; 0 for none
    std::size_t exit;
    std::size_t message;
  };
  std::vector<pollfd> polls = {{wake.get(), POLLIN, 0}};
  std::vector<Watch> watches;
  auto until = next_memory_check;
  {
    std::lock_guard lock(mutex);
    for (Slot& slot : slots) {
      if (slot.state == State::kDown || slot.state == State::kStarting) {
        until = std::min(until, slot.until);
      }
      if (slot.state == State::kDead) until = Clock::now();
      if (slot.process == nullptr) continue;
      Watch watch{&slot, polls.size(), 0, 0};
      polls.push_back({slot.process->output().fd(), POLLIN, 0});
      if (!slot.exit_seen) {
        watch.exit = polls.size();
        polls.push_back({slot.process->pidfd(), POLLIN, 0});
      }
      if (slot.state == State::kStarting) {
        watch.message = polls.size();
        polls.push_back({slot.process->channel().fd(), POLLIN, 0});
      }
      watches.push_back(watch);
    }
    // A slot whose time has come while another one starts waits for that one.
    if (std::ranges::any_of(slots,
                            [](const Slot& slot) { return slot.state == State::kStarting; })) {
      until = std::max(until, Clock::now() + milliseconds(20));
    }
  }
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  ::poll(polls.data(), polls.size(),
         static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000)));
  eventfd_t count = 0;
  if (polls[0].revents != 0) (void)!::eventfd_read(wake.get(), &count);
  for (const Watch& watch : watches) {
    LookAfter(*watch.slot, polls[watch.output].revents != 0,
              watch.exit != 0 && polls[watch.exit].revents != 0,
              watch.message != 0 && polls[watch.message].revents != 0);
  }
}

void WorkerPool::Impl::LookAfter(Slot& slot, bool output, bool exited, bool message) {
  if (output) {
    if (!slot.process->output().ReadSome()) slot.process->output().Close();
  }
  if (message) FinishStart(slot);
  std::lock_guard lock(mutex);
  if (slot.state == State::kStarting && !message && (exited || Clock::now() >= slot.until)) {
    Fail(slot,
         exited ? "ended while it started: " + slot.process->End()
                : "was not ready within " + std::to_string(options.start_timeout.count()) + " s");
  } else if (exited && slot.state == State::kIdle) {
    Fail(slot, "ended while nothing was asked of it: " + slot.process->End());
  } else if (exited) {
    slot.exit_seen = true;
  }
}

void WorkerPool::Impl::FinishStart(Slot& slot) {
  Result<Frame> frame = slot.process->channel().Receive();
  const bool ready = frame.ok() && frame->kind == FrameKind::kReady;
  Status failure;
  if (frame.ok() && frame->kind == FrameKind::kError) {
    failure = WorkerError(*frame, options.name);
  } else if (!ready) {
    constexpr milliseconds kOwnEnd{1000};
    failure = Unavailable(options.name + " ended while it started: " + slot.process->End(kOwnEnd),
                          "what it printed is in the engine's log");
  }
  std::lock_guard lock(mutex);
  if (!ready) {
    start_failure = failure;
    Fail(slot, failure.message());
    return;
  }
  if (!was_ready) {
    was_ready = true;
    ready_text = std::string(frame->first);
    // Of the machine rather than of this step: once is enough.
    static std::atomic<bool> said = false;
    std::string missing = MissingLayers(slot.process->layers());
    if (!missing.empty() && !said.exchange(true)) {
      spdlog::warn("workers run in a weaker sandbox: {}", missing);
    }
    started.notify_all();
  }
  Give(slot);
}

// Libraries and threads can pass by what a process limits itself to; this cannot be passed by.
void WorkerPool::Impl::CheckMemory() {
  const auto now = Clock::now();
  if (now < next_memory_check) return;
  next_memory_check = now + seconds(1);
  if (options.memory_bytes <= 0) return;
  for (Slot& slot : slots) {
    if (slot.process != nullptr && slot.process->ResidentBytes() > options.memory_bytes) {
      slot.process->KillForMemory();
    }
  }
}

WorkerPool::WorkerPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<WorkerPool>> WorkerPool::Start(WorkerPoolOptions options) {
  std::unique_ptr<WorkerPool> pool(new WorkerPool(std::make_unique<Impl>(std::move(options))));
  Impl& impl = *pool->impl_;
  impl.supervisor = std::thread([&impl] { impl.Supervise(); });
  std::unique_lock lock(impl.mutex);
  impl.started.wait(lock, [&] { return impl.was_ready || impl.gave_up; });
  if (impl.was_ready) return pool;
  Status failure = impl.start_failure;
  lock.unlock();
  return failure;
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->Wake();
  if (impl_->supervisor.joinable()) impl_->supervisor.join();
}

const std::string& WorkerPool::ready_text() const { return impl_->ready_text; }

Result<Frame> WorkerPool::Call(FrameKind kind, std::string_view first,
                               const std::vector<std::string_view>& second,
                               const std::function<bool(const Frame&)>& dispose) {
  JOEY_ASSIGN_OR_RETURN(Slot * slot, impl_->Acquire());
  WorkerChannel& channel = slot->process->channel();
  const std::uint64_t id = ++slot->last_id;
  Status sent = channel.Send(kind, id, first, second);
  Result<Frame> frame = sent.ok() ? channel.Receive() : Result<Frame>(sent);
  if (frame.ok() && (frame->id != id ||
                     (frame->kind != FrameKind::kResult && frame->kind != FrameKind::kError))) {
    frame = Status(Code::kDataLoss, "the worker process sent an answer that nobody asked for");
  }
  if (!frame.ok() && !WorkerIsWell(frame.status().code())) {
    return impl_->Failure(slot, frame.status());
  }
  if (frame.ok() && dispose && dispose(*frame)) {
    slot->process->End();
    impl_->Bury(slot, "it was out of memory");
  } else {
    impl_->Release(slot);
  }
  return frame;
}

}  // namespace joey
