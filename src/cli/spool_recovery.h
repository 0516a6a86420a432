// Ships the log rows that ended engines left in their spools.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace joey::cli {

// One thread, which works through the directories it is given. A spool that cannot be shipped now
// stays where it is and is found again at the next start of joey serve.
class SpoolRecovery {
 public:
  SpoolRecovery(std::string address_file, std::string token);
  ~SpoolRecovery();  // stops

  void Add(std::string directory);
  // Finishes the spool at work and ends the thread.
  void Stop();

 private:
  void Run();
  void Recover(const std::string& directory) const;

  const std::string address_file_;
  const std::string token_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> directories_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace joey::cli
