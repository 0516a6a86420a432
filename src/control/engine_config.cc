#include "control/engine_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/format_bytes.h"
#include "base/limits.h"
#include "control/names.h"

namespace joey::control {

using nlohmann::json;

namespace {

// The value at a path of keys, or nullptr where it or a parent is missing or null.
const json* Find(const json& document, std::initializer_list<const char*> path) {
  const json* here = &document;
  for (const char* key : path) {
    if (!here->is_object()) return nullptr;
    const auto found = here->find(key);
    if (found == here->end() || found->is_null()) return nullptr;
    here = &*found;
  }
  return here;
}

const json* FindFirst(const json& document,
                      std::initializer_list<std::initializer_list<const char*>> paths) {
  for (const auto& path : paths) {
    if (const json* found = Find(document, path)) return found;
  }
  return nullptr;
}

Status Wrong(std::string_view key, std::string_view expected) {
  return InvalidArgument(fmt::format("'engine_config.{}' is not {}", key, expected),
                         "wallaroo.DeploymentConfigBuilder() makes a valid configuration");
}

// Parses all of `text` as a number.
std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<double> ParseCpus(std::string_view key, const json& value) {
  std::optional<double> cpus;
  if (value.is_number()) cpus = value.get<double>();
  if (value.is_string()) {
    std::string_view text = value.get_ref<const std::string&>();
    const bool milli = text.ends_with('m');
    if (milli) text.remove_suffix(1);
    cpus = ParseNumber(text);
    if (cpus && milli) *cpus /= 1000;
  }
  if (!cpus || !std::isfinite(*cpus) || *cpus <= 0) {
    return InvalidArgument(
        fmt::format("'engine_config.{}' is not a number of CPUs above 0: {}", key, value.dump()),
        "use for example cpus(1) or cpus(0.25)");
  }
  return *cpus;
}

// CPUs, memory and GPUs of the engine, the load balancer or a sidekick; 0 for what is not asked.
struct Resources {
  double cpus = 0;
  std::int64_t memory_bytes = 0;
};

Status RefuseGpus(std::string_view key, const json& section) {
  for (const json* value :
       {Find(section, {"gpu"}), Find(section, {"resources", "limits", "nvidia.com/gpu"}),
        Find(section, {"resources", "requests", "nvidia.com/gpu"})}) {
    if (value == nullptr) continue;
    if (!value->is_number()) return Wrong(fmt::format("{}.gpu", key), "a number");
    if (value->get<double>() > 0) {
      return FailedPrecondition(
          fmt::format("{}The deployment asks for {} GPU; there is no GPU here.",
                      kInsufficientResources, value->dump()),
          "leave gpus() and sidekick_gpus() out of the deployment configuration");
    }
  }
  return {};
}

Result<Resources> ParseResources(const std::string& key, const json& section) {
  if (!section.is_object()) return Wrong(key, "an object");
  Resources out;
  if (const json* cpus = FindFirst(
          section, {{"cpu"}, {"resources", "limits", "cpu"}, {"resources", "requests", "cpu"}})) {
    JOEY_ASSIGN_OR_RETURN(out.cpus, ParseCpus(key + ".cpu", *cpus));
  }
  if (const json* memory = FindFirst(
          section, {{"resources", "limits", "memory"}, {"resources", "requests", "memory"}})) {
    if (!memory->is_string() && !memory->is_number_integer()) {
      return Wrong(key + ".resources.limits.memory", "a text like '900Mi'");
    }
    Result<std::int64_t> bytes =
        ParseMemory(memory->is_string() ? memory->get<std::string>() : memory->dump());
    if (!bytes.ok()) {
      return bytes.status().WithContext("'engine_config." + key + ".resources.limits.memory'");
    }
    out.memory_bytes = *bytes;
  }
  JOEY_RETURN_IF_ERROR(RefuseGpus(key, section));
  return out;
}

Result<std::string> ParseArch(const std::string& key, const json& section) {
  const json* arch = Find(section, {"arch"});
  if (arch == nullptr) return std::string();
  if (*arch != "x86" && *arch != "arm") return Wrong(key + ".arch", "'x86' or 'arm'");
  return arch->get<std::string>();
}

// A whole number in a range; `otherwise` where it is missing.
Result<std::int64_t> ParseWhole(const std::string& key, const json* value, std::int64_t least,
                                std::int64_t most, std::int64_t otherwise) {
  if (value == nullptr) return otherwise;
  const bool whole = value->is_number_integer() &&
                     (!value->is_number_unsigned() ||
                      value->get<std::uint64_t>() <= static_cast<std::uint64_t>(most));
  if (!whole || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most) {
    return Wrong(key, fmt::format("a whole number from {} to {}", least, most));
  }
  return value->get<std::int64_t>();
}

Result<deploy::Autoscale> ParseAutoscale(const json& section) {
  const std::string key = "engine.autoscale";
  if (!section.is_object()) return Wrong(key, "an object");
  if (const json* type = Find(section, {"type"}); type != nullptr && *type != "cpu") {
    return Wrong(key + ".type", "'cpu', the only measure that replicas can follow");
  }
  JOEY_ASSIGN_OR_RETURN(
      const std::int64_t maximum,
      ParseWhole(key + ".replica_max", Find(section, {"replica_max"}), 1, limits::kReplicasMax, 0));
  if (maximum == 0) return Wrong(key, "complete: it has no replica_max");
  JOEY_ASSIGN_OR_RETURN(
      const std::int64_t minimum,
      ParseWhole(key + ".replica_min", Find(section, {"replica_min"}), 0, maximum, 0));
  deploy::Autoscale out;
  out.minimum = static_cast<int>(minimum);
  out.maximum = static_cast<int>(maximum);
  if (const json* percent = Find(section, {"cpu_utilization"})) {
    if (!percent->is_number() || !(percent->get<double>() >= 1 && percent->get<double>() <= 100)) {
      return Wrong(key + ".cpu_utilization", "a number of percent from 1 to 100");
    }
    out.target = percent->get<double>() / 100;
  }
  return out;
}

Result<SidekickConfig> ParseSidekick(const std::string& key, const json& section) {
  SidekickConfig out;
  JOEY_ASSIGN_OR_RETURN(const Resources resources, ParseResources(key, section));
  out.cpus = resources.cpus;
  out.memory_bytes = resources.memory_bytes;
  JOEY_ASSIGN_OR_RETURN(out.arch, ParseArch(key, section));
  const json* env = Find(section, {"env"});
  if (env == nullptr) return out;
  if (!env->is_array()) return Wrong(key + ".env", "an array of {name, value}");
  for (const json& entry : *env) {
    const json* name = Find(entry, {"name"});
    const json* value = Find(entry, {"value"});
    const bool texts =
        name != nullptr && value != nullptr && name->is_string() && value->is_string();
    if (!texts || name->get_ref<const std::string&>().empty() ||
        name->get_ref<const std::string&>().find_first_of(std::string_view("=\0", 2)) !=
            std::string::npos ||
        value->get_ref<const std::string&>().find('\0') != std::string::npos) {
      return Wrong(key + ".env", "an array of {name, value} with names of environment variables");
    }
    out.env[name->get<std::string>()] = value->get<std::string>();
  }
  return out;
}

}  // namespace

Result<std::int64_t> ParseMemory(std::string_view text) {
  static constexpr std::pair<std::string_view, int> kUnits[] = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40},
      {"Ki", 10},  {"Mi", 20},  {"Gi", 30},  {"Ti", 40}};
  std::string_view number = text;
  int shift = 0;
  for (const auto& [unit, bits] : kUnits) {
    if (!text.ends_with(unit)) continue;
    number.remove_suffix(unit.size());
    shift = bits;
    break;
  }
  while (number.ends_with(' ')) number.remove_suffix(1);
  const std::optional<double> value = ParseNumber(number);
  const double bytes = value ? std::ldexp(*value, shift) : 0;
  if (!(bytes >= 1) || bytes > std::ldexp(1.0, 60)) {
    return InvalidArgument(Quoted(text) + " is not an amount of memory",
                           "use a number with KiB, MiB, GiB, TiB (or Ki, Mi, Gi, Ti), for example "
                           "'512MiB', or plain bytes");
  }
  return static_cast<std::int64_t>(bytes);
}

Result<EngineConfig> ParseEngineConfig(const json& document) {
  if (!document.is_object()) return InvalidArgument("'engine_config' is not an object");
  EngineConfig config;
  if (const json* found = Find(document, {"engine"})) {
    const json& engine = *found;
    JOEY_ASSIGN_OR_RETURN(const Resources resources, ParseResources("engine", engine));
    config.cpus = resources.cpus;
    config.memory_bytes = resources.memory_bytes;
    JOEY_ASSIGN_OR_RETURN(config.replicas, ParseWhole("engine.replicas", Find(engine, {"replicas"}),
                                                      0, limits::kReplicasMax, config.replicas));
    if (const json* autoscale = Find(engine, {"autoscale"})) {
      JOEY_ASSIGN_OR_RETURN(config.autoscale, ParseAutoscale(*autoscale));
      config.replicas = std::clamp<std::int64_t>(config.replicas, config.autoscale->minimum,
                                                 config.autoscale->maximum);
    }
    if (const json* grpc = Find(engine, {"grpc"})) {
      JOEY_ASSIGN_OR_RETURN(const std::int64_t port,
                            ParseWhole("engine.grpc.port", Find(*grpc, {"port"}), 1024, 65535, 0));
      if (port == 0) return Wrong("engine.grpc", "complete: it has no port");
      config.grpc_port = static_cast<int>(port);
    }
    JOEY_ASSIGN_OR_RETURN(config.arch, ParseArch("engine", engine));
  }
  if (const json* balancer = Find(document, {"enginelb"})) {
    JOEY_RETURN_IF_ERROR(ParseResources("enginelb", *balancer).status());
  }
  if (const json* images = Find(document, {"engineAux", "images"})) {
    if (!images->is_object()) return Wrong("engineAux.images", "an object");
    for (const auto& [model, section] : images->items()) {
      JOEY_ASSIGN_OR_RETURN(config.sidekicks[model],
                            ParseSidekick("engineAux.images." + model, section));
    }
  }
  return config;
}

namespace {

Status TooMuch(std::string_view asked, std::string_view there, std::string hint) {
  return FailedPrecondition(fmt::format("{}The deployment asks for {}; this machine has {}.",
                                        kInsufficientResources, asked, there),
                            std::move(hint));
}

std::string Bytes(double bytes) { return FormatBytes(static_cast<std::int64_t>(bytes)); }

}  // namespace

bool RunsInWorkers(std::string_view runtime) {
  return runtime != "onnx" && runtime != "tensorflow";
}

Demand DemandOfReplica(const EngineConfig& config) {
  Demand out{config.cpus, static_cast<double>(config.memory_bytes)};
  for (const auto& [model, sidekick] : config.sidekicks) {
    out.cpus += sidekick.cpus;
    out.memory_bytes += static_cast<double>(sidekick.memory_bytes);
  }
  return out;
}

Status FitToMachine(EngineConfig& config, double machine_cpus, std::int64_t machine_memory_bytes,
                    std::vector<std::string>& notes) {
  const Demand one = DemandOfReplica(config);
  const auto memory = static_cast<double>(machine_memory_bytes);
  const auto replicas = static_cast<double>(config.replicas);
  const std::string each =
      config.replicas == 1 ? "1 replica with" : fmt::format("{} replicas with", config.replicas);
  if (replicas * one.cpus > machine_cpus) {
    return TooMuch(
        fmt::format("{} {:g} CPUs, {:g} CPUs together", each, one.cpus, replicas * one.cpus),
        fmt::format("{:g} CPUs", machine_cpus),
        fmt::format("ask for fewer replicas, or for at most {:g} CPUs each",
                    std::floor(machine_cpus / replicas * 100) / 100));
  }
  if (replicas * one.memory_bytes > memory) {
    return TooMuch(
        fmt::format("{} {} of memory, {} together", each, Bytes(one.memory_bytes),
                    Bytes(replicas * one.memory_bytes)),
        Bytes(memory),
        fmt::format("ask for fewer replicas, or for at most {} each", Bytes(memory / replicas)));
  }
  if (!config.autoscale) return {};
  double most = config.autoscale->maximum;
  if (one.cpus > 0) most = std::min(most, std::floor(machine_cpus / one.cpus + 1e-9));
  if (one.memory_bytes > 0) most = std::min(most, std::floor(memory / one.memory_bytes));
  if (most < 1) {
    return TooMuch(
        fmt::format("a replica with {:g} CPUs and {} of memory", one.cpus, Bytes(one.memory_bytes)),
        fmt::format("{:g} CPUs and {}", machine_cpus, Bytes(memory)),
        "ask for less with cpus() and memory()");
  }
  if (const int fitting = static_cast<int>(most); fitting < config.autoscale->maximum) {
    notes.push_back(
        fmt::format("autoscale: at most {} of {} replicas, this machine has {:g} CPUs and {}",
                    fitting, config.autoscale->maximum, machine_cpus, Bytes(memory)));
    config.autoscale->maximum = fitting;
  }
  return {};
}

Demand DemandOf(const EngineConfig& config) {
  const double replicas =
      config.autoscale ? config.autoscale->maximum : static_cast<double>(config.replicas);
  const Demand one = DemandOfReplica(config);
  return {replicas * one.cpus, replicas * one.memory_bytes};
}

Status CheckFitsBeside(const EngineConfig& config, const Demand& others, double machine_cpus,
                       std::int64_t machine_memory_bytes) {
  const Demand asked = DemandOf(config);
  const auto memory = static_cast<double>(machine_memory_bytes);
  const std::string hint = "undeploy another pipeline, or ask for less";
  if (asked.cpus > 0 && asked.cpus + others.cpus > machine_cpus + 1e-9) {
    return TooMuch(fmt::format("{:g} CPUs", asked.cpus),
                   fmt::format("{:g} CPUs, {:g} of them promised to other deployments",
                               machine_cpus, others.cpus),
                   hint);
  }
  if (asked.memory_bytes > 0 && asked.memory_bytes + others.memory_bytes > memory) {
    return TooMuch(fmt::format("{} of memory", Bytes(asked.memory_bytes)),
                   fmt::format("{}, {} of it promised to other deployments", Bytes(memory),
                               Bytes(others.memory_bytes)),
                   hint);
  }
  return {};
}

}  // namespace joey::control
