#include "control/engine_config.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/limits.h"
#include "control/names.h"

namespace joey::control {

using nlohmann::json;

namespace {

constexpr std::string_view kInsufficient = "Cannot deploy pipeline due to insufficient resources. ";

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

Result<double> ParseCpus(const json& value) {
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
    return InvalidArgument("'engine_config.engine.cpu' is not a number of CPUs above 0",
                           "use for example cpus(1) or cpus(0.25)");
  }
  return *cpus;
}

Status ParseGpus(const json& engine) {
  for (const json* value :
       {Find(engine, {"gpu"}), Find(engine, {"resources", "limits", "nvidia.com/gpu"}),
        Find(engine, {"resources", "requests", "nvidia.com/gpu"})}) {
    if (value == nullptr) continue;
    if (!value->is_number()) return Wrong("engine.gpu", "a number");
    if (value->get<double>() > 0) {
      return FailedPrecondition(
          fmt::format("{}The deployment asks for {} GPU; there is no GPU here.", kInsufficient,
                      value->dump()),
          "leave gpus() out of the deployment configuration");
    }
  }
  return {};
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

std::string FormatBytes(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Result<EngineConfig> ParseEngineConfig(const json& document) {
  if (!document.is_object()) return Wrong("", "an object");
  EngineConfig config;
  const json* found = Find(document, {"engine"});
  if (found == nullptr) return config;
  const json& engine = *found;
  if (!engine.is_object()) return Wrong("engine", "an object");

  if (Find(engine, {"autoscale"}) != nullptr) {
    return Status(Code::kUnimplemented, "autoscaling of replicas is not supported yet",
                  "ask for a fixed number with replica_count(n)");
  }
  if (const json* replicas = Find(engine, {"replicas"})) {
    const bool whole = replicas->is_number_unsigned() ||
                       (replicas->is_number_integer() && replicas->get<std::int64_t>() >= 0);
    if (!whole || replicas->get<std::uint64_t>() > limits::kReplicasMax) {
      return Wrong("engine.replicas",
                   fmt::format("a whole number from 0 to {}", limits::kReplicasMax));
    }
    config.replicas = replicas->get<std::int64_t>();
  }
  if (const json* cpus = FindFirst(
          engine, {{"cpu"}, {"resources", "limits", "cpu"}, {"resources", "requests", "cpu"}})) {
    JOEY_ASSIGN_OR_RETURN(config.cpus, ParseCpus(*cpus));
  }
  if (const json* memory = FindFirst(
          engine, {{"resources", "limits", "memory"}, {"resources", "requests", "memory"}})) {
    if (!memory->is_string() && !memory->is_number_integer()) {
      return Wrong("engine.resources.limits.memory", "a text like '900Mi'");
    }
    config.memory_text = memory->is_string() ? memory->get<std::string>() : memory->dump();
    JOEY_ASSIGN_OR_RETURN(config.memory_bytes, ParseMemory(config.memory_text));
  }
  JOEY_RETURN_IF_ERROR(ParseGpus(engine));
  if (Find(engine, {"grpc"}) != nullptr) {
    const json* port = Find(engine, {"grpc", "port"});
    const std::int64_t number =
        port != nullptr && port->is_number_integer() ? port->get<std::int64_t>() : 0;
    if (number < 1024 || number > 65535) {
      return Wrong("engine.grpc.port", "a port from 1024 to 65535");
    }
    config.grpc_port = static_cast<int>(number);
  }
  if (const json* arch = Find(engine, {"arch"})) {
    if (*arch != "x86" && *arch != "arm") return Wrong("engine.arch", "'x86' or 'arm'");
    config.arch = arch->get<std::string>();
  }
  return config;
}

Status CheckFits(const EngineConfig& config, double machine_cpus,
                 std::int64_t machine_memory_bytes) {
  const auto replicas = static_cast<double>(config.replicas);
  const std::string each =
      config.replicas == 1 ? "1 replica with" : fmt::format("{} replicas with", config.replicas);
  if (replicas * config.cpus > machine_cpus) {
    return FailedPrecondition(
        fmt::format("{}The deployment asks for {} {:g} CPUs, {:g} CPUs together; this machine has "
                    "{:g} CPUs.",
                    kInsufficient, each, config.cpus, replicas * config.cpus, machine_cpus),
        fmt::format("ask for fewer replicas, or for at most {:g} CPUs each",
                    std::floor(machine_cpus / replicas * 100) / 100));
  }
  if (replicas * static_cast<double>(config.memory_bytes) >
      static_cast<double>(machine_memory_bytes)) {
    return FailedPrecondition(
        fmt::format("{}The deployment asks for {} {} of memory; this machine has {}.",
                    kInsufficient, each, FormatBytes(config.memory_bytes),
                    FormatBytes(machine_memory_bytes)),
        fmt::format("ask for fewer replicas, or for at most {} each",
                    FormatBytes(static_cast<std::int64_t>(
                        static_cast<double>(machine_memory_bytes) / replicas))));
  }
  return {};
}

}  // namespace joey::control
