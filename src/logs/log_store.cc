#include "logs/log_store.h"

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/limits.h"

namespace joey::logs {
namespace {

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

Status CheckTopicName(std::string_view topic) {
  if (!topic.empty() && topic.size() <= limits::kLogTopicBytesMax &&
      std::all_of(topic.begin(), topic.end(),
                  [](char c) { return IsLowerOrDigit(c) || c == '-'; })) {
    return {};
  }
  return InvalidArgument("a log topic is 1 to " + std::to_string(limits::kLogTopicBytesMax) +
                             " lower-case letters, digits and dashes",
                         "ask /v1/api/plateau/get_topic_name for the topic of a pipeline");
}

Status CheckSourceName(std::string_view source) {
  if (!source.empty() && source.size() <= limits::kLogSourceBytesMax &&
      std::all_of(source.begin(), source.end(), [](char c) {
        return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
      })) {
    return {};
  }
  return InvalidArgument("X-Joey-Source is 1 to " + std::to_string(limits::kLogSourceBytesMax) +
                             " letters, digits, dots, dashes and underscores",
                         "send the id of the spool");
}

Result<std::unique_ptr<LogStore>> LogStore::Open(const std::string& directory) {
  JOEY_RETURN_IF_ERROR(MakeDirectories(directory));
  std::unique_ptr<LogStore> store(new LogStore(directory));
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!CheckTopicName(name).ok() || !it->is_directory(error)) continue;
    JOEY_ASSIGN_OR_RETURN(auto topic, Topic::Open(it->path().string()));
    store->topics_.emplace(name, std::move(topic));
  }
  if (error) return FileError("list", directory, error.value());
  return store;
}

Result<Topic*> LogStore::FindOrMake(std::string_view topic) {
  JOEY_RETURN_IF_ERROR(CheckTopicName(topic));
  const std::lock_guard lock(mutex_);
  if (const auto found = topics_.find(topic); found != topics_.end()) return found->second.get();
  JOEY_ASSIGN_OR_RETURN(auto made, Topic::Open(directory_ + "/" + std::string(topic)));
  JOEY_RETURN_IF_ERROR(SyncDirectory(directory_));
  return topics_.emplace(topic, std::move(made)).first->second.get();
}

Result<AppendResult> LogStore::Append(std::string_view topic, const AppendRequest& request) {
  JOEY_RETURN_IF_ERROR(CheckSourceName(request.source));
  if (request.first_sequence > request.last_sequence) {
    return InvalidArgument("the last sequence is below the first one");
  }
  JOEY_ASSIGN_OR_RETURN(Topic* const found, FindOrMake(topic));
  return found->Append(request);
}

const Topic* LogStore::Find(std::string_view topic) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(topic);
  return found == topics_.end() ? nullptr : found->second.get();
}

}  // namespace joey::logs
