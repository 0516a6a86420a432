#include "deploy/local_deployment.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "base/machine.h"
#include "base/random.h"

namespace joey::deploy {

namespace fs = std::filesystem;

ReplicaPlan LocalSettings::PlanFor(const DeploymentSpec& spec, std::string name) const {
  ReplicaPlan plan;
  plan.directory = DirectoryOf(spec.id) + "/" + name;
  plan.spool_directory = spool_directory + "/" + std::to_string(spec.id) + "/" + name;
  plan.name = std::move(name);
  plan.program = program;
  plan.owner_file = owner_file;
  plan.spec = spec;
  return plan;
}

std::string LocalSettings::DirectoryOf(std::int64_t id) const {
  return run_directory + "/deployments/" + std::to_string(id);
}

bool LocalDeployment::IsCurrent(const Replica& replica) const {
  return replica.generation() == spec_.generation && replica.state() != Replica::State::kDraining &&
         replica.state() != Replica::State::kStopping && replica.state() != Replica::State::kGone;
}

int LocalDeployment::Current() const {
  return static_cast<int>(std::count_if(replicas_.begin(), replicas_.end(),
                                        [&](const auto& r) { return IsCurrent(*r); }));
}

int LocalDeployment::Running() const {
  return static_cast<int>(std::count_if(replicas_.begin(), replicas_.end(), [&](const auto& r) {
    return IsCurrent(*r) && r->state() == Replica::State::kRunning;
  }));
}

void LocalDeployment::Apply(DeploymentSpec spec, Clock::time_point now) {
  const bool first = spec_.id == 0;
  const int served = removed_ ? 0 : Running();
  removed_ = false;
  complete_ = false;
  spec_ = std::move(spec);
  samples_.clear();
  cpu_use_.reset();
  autoscaler_.reset();
  if (spec_.autoscale) {
    autoscaler_ = std::make_unique<Autoscaler>(*spec_.autoscale, settings_.pace);
  }
  // What never served and was replaced has nothing to finish.
  for (auto& replica : replicas_) {
    if (!IsCurrent(*replica) && !replica->has_run()) replica->Drain(now);
  }
  if (first) Adopt();
  target_ = spec_.replicas;
  if (spec_.autoscale) {
    // The load is that of the generation before, or of before this process started.
    const int known = std::max(served, Current());
    target_ = std::clamp(known > 0 ? known : spec_.replicas, spec_.autoscale->minimum,
                         spec_.autoscale->maximum);
  }
  Resize(now);
  Publish(now);
}

void LocalDeployment::Adopt() {
  std::error_code error;
  const int most = spec_.autoscale ? spec_.autoscale->maximum : spec_.replicas;
  for (const auto& entry : fs::directory_iterator(settings_.DirectoryOf(spec_.id), error)) {
    const std::string name = entry.path().filename();
    auto adopted =
        Replica::Adopt(settings_.PlanFor(spec_, name), next_endpoint_id_++, settings_.healthy);
    if (adopted != nullptr) {
      if (IsCurrent(*adopted) && Current() >= most) adopted->Outdate();
      spdlog::info("engine {} of {} goes on{}", name, Key(),
                   IsCurrent(*adopted) ? "" : " until it is replaced");
      replicas_.push_back(std::move(adopted));
      continue;
    }
    Cgroup::Remove(name);
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
    settings_.on_spool_left(settings_.PlanFor(spec_, name).spool_directory);
  }
}

void LocalDeployment::Resize(Clock::time_point now) {
  int surplus = Current() - target_;
  for (; surplus < 0; ++surplus) {
    replicas_.push_back(std::make_unique<Replica>(
        settings_.PlanFor(spec_, "engine-" + RandomHex(5) + "-" + RandomHex(3).substr(0, 5))));
  }
  if (surplus == 0) return;
  // The newest go, first those that do not serve.
  std::vector<Replica*> leaving;
  for (const bool serving : {false, true}) {
    for (auto replica = replicas_.rbegin(); replica != replicas_.rend(); ++replica) {
      const bool serves = (*replica)->state() == Replica::State::kRunning;
      if (serves == serving && IsCurrent(**replica)) leaving.push_back(replica->get());
    }
  }
  leaving.resize(static_cast<std::size_t>(surplus));
  // Out of the route first: who reads it from now on does not find them.
  EndpointSet staying;
  for (const auto& replica : replicas_) {
    const bool leaves = std::find(leaving.begin(), leaving.end(), replica.get()) != leaving.end();
    if (replica->state() == Replica::State::kRunning && IsCurrent(*replica) && !leaves) {
      staying.push_back(replica->endpoint());
    }
  }
  SetRoute(std::move(staying), spec_.autoscale.has_value());
  for (Replica* replica : leaving) replica->Drain(now);
}

// In this order a request that sees no endpoint and must not wait finds none a moment later either.
void LocalDeployment::SetRoute(EndpointSet endpoints, bool wakes) {
  const bool empty = endpoints.empty();
  if (empty) route_->SetMayWait(wakes);
  route_->Set(std::move(endpoints));
  if (!empty) route_->SetMayWait(false);
}

void LocalDeployment::TakeDown(Clock::time_point now) {
  removed_ = true;
  SetRoute({}, false);
  for (auto& replica : replicas_) replica->Drain(now);
}

void LocalDeployment::Publish(Clock::time_point now) {
  if (removed_) return;
  EndpointSet current;
  EndpointSet older;
  bool all_ready = true;
  bool failing = false;
  for (const auto& replica : replicas_) {
    const bool running = replica->state() == Replica::State::kRunning;
    const bool is_current = IsCurrent(*replica);
    if (running) (is_current ? current : older).push_back(replica->endpoint());
    if (!is_current) continue;
    all_ready &= replica->has_run();
    failing |= !running && replica->failures() > 0;
  }
  complete_ |= all_ready;
  const bool use_current = complete_ || older.empty();
  EndpointSet& chosen = use_current ? current : older;
  // An engine comes when a request wants one, or is on its way.
  SetRoute(std::move(chosen), spec_.autoscale.has_value() && !failing);
  if (!complete_) return;
  for (auto& replica : replicas_) {
    if (!IsCurrent(*replica)) replica->Drain(now);
  }
}

void LocalDeployment::Advance(Clock::time_point now) {
  bool changed = false;
  for (auto& replica : replicas_) {
    const int failures = replica->failures();
    changed |= replica->Advance(now, next_endpoint_id_) || replica->failures() != failures;
  }
  if (changed) Publish(now);
  std::erase_if(replicas_, [&](const auto& replica) {
    if (replica->state() != Replica::State::kGone) return false;
    settings_.on_spool_left(replica->plan().spool_directory);
    return true;
  });
  if (autoscaler_ != nullptr && !removed_) FollowLoad(now);
}

void LocalDeployment::FollowLoad(Clock::time_point now) {
  if (route_->TakeWanted() && target_ == 0) {
    target_ = std::max(1, spec_.autoscale->minimum);
    spdlog::info("{}: a request wakes it", Key());
    autoscaler_->Forget();
    Resize(now);
    Publish(now);
    return;
  }
  if (!complete_ || target_ == 0 || now - sampled_at_ < settings_.pace.sample) return;
  const double passed = std::chrono::duration<double>(now - sampled_at_).count();
  sampled_at_ = now;
  std::vector<Sample> samples;
  double used = 0;
  bool busy = route_->waiting() > 0;
  int observed = 0;
  for (const auto& replica : replicas_) {
    if (!IsCurrent(*replica) || replica->state() != Replica::State::kRunning) continue;
    const Endpoint& endpoint = *replica->endpoint();
    samples.push_back({endpoint.id, replica->CpuSeconds(), endpoint.requests.load()});
    const auto before = std::find_if(samples_.begin(), samples_.end(), [&](const Sample& sample) {
      return sample.endpoint_id == endpoint.id;
    });
    busy |= endpoint.in_flight.load() > 0;
    if (before == samples_.end()) {
      busy |= samples.back().requests > 0;
      continue;
    }
    ++observed;
    used += std::max(0.0, samples.back().cpu_seconds - before->cpu_seconds);
    busy |= samples.back().requests != before->requests;
  }
  samples_ = std::move(samples);
  // Only when all of them have served since the last look, their mean says something.
  if (observed == 0 || observed != target_) return;
  const double each = spec_.cpus > 0 ? spec_.cpus : MachineCpus();
  cpu_use_ = used / passed / (each * observed);
  const int wanted = autoscaler_->Observe(now, observed, *cpu_use_, busy);
  if (wanted == target_) return;
  spdlog::info("{}: {} replicas instead of {} at {:.0f} % CPU", Key(), wanted, target_,
               *cpu_use_ * 100);
  target_ = wanted;
  Resize(now);
}

std::string LocalDeployment::LoadText() const {
  const Autoscale& range = *spec_.autoscale;
  std::string text =
      fmt::format("autoscale: {} of {} to {} replicas", target_, range.minimum, range.maximum);
  if (target_ == 0) return text + "; the next request starts one";
  if (cpu_use_) text += fmt::format(", {:.0f} % CPU", *cpu_use_ * 100);
  return text + fmt::format(", target {:.0f} % CPU", range.target * 100);
}

DeploymentStatus LocalDeployment::Status(Clock::time_point now) const {
  DeploymentStatus out;
  out.pipeline_name = spec_.pipeline_name;
  out.document = spec_.document;
  bool failed = false;
  bool older_serves = false;
  for (const auto& replica : replicas_) {
    const bool current = IsCurrent(*replica);
    const bool running = replica->state() == Replica::State::kRunning;
    if (!current && !removed_ && !running) continue;
    out.replicas.push_back(replica->Status(now));
    if (!current) {
      older_serves |= running;
      continue;
    }
    if (replica->failures() > 0 && !running) {
      failed = true;
      const std::string reason = out.replicas.back().reason;
      if (!reason.empty()) out.details.push_back(reason);
    }
  }
  const bool enough = Running() > 0 || target_ == 0;
  if (removed_) {
    out.phase = Phase::kStopping;
  } else if (enough && complete_) {
    out.phase = Phase::kRunning;
  } else {
    out.phase = failed ? Phase::kError : Phase::kStarting;
    if (older_serves) out.details.push_back("the previous version goes on serving");
  }
  if (removed_) return out;
  if (spec_.autoscale) out.details.push_back(LoadText());
  out.details.insert(out.details.end(), spec_.notes.begin(), spec_.notes.end());
  return out;
}

}  // namespace joey::deploy
