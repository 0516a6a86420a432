// The inference logs of all pipelines: one directory per topic below `<data>/logs`.
//
// Owned by joey serve. Threads: any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"
#include "logs/topic.h"

namespace joey::logs {

// InvalidArgument unless it is 1 to limits::kLogTopicBytesMax of [a-z0-9-].
Status CheckTopicName(std::string_view topic);
// InvalidArgument unless it is 1 to limits::kLogSourceBytesMax of [A-Za-z0-9._-].
Status CheckSourceName(std::string_view source);

class LogStore {
 public:
  // Reads the indexes of all topics. The directory is made when it is missing.
  static Result<std::unique_ptr<LogStore>> Open(const std::string& directory);

  // As Topic::Append; the topic is made by its first append.
  Result<AppendResult> Append(std::string_view topic, const AppendRequest& request);

  // nullptr when nothing was ever stored there. Lives as long as the store.
  const Topic* Find(std::string_view topic) const;

 private:
  explicit LogStore(std::string directory) : directory_(std::move(directory)) {}
  Result<Topic*> FindOrMake(std::string_view topic);

  const std::string directory_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
};

}  // namespace joey::logs
