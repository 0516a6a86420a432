#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/cgroup.h"
#include "base/random.h"

namespace joey {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "joey-process-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  ProcessOptions Shell(const std::string& script) const {
    ProcessOptions options;
    options.arguments = {"/bin/sh", "-c", script};
    options.output_file = Output();
    return options;
  }
  std::string Output() const { return directory_ + "/output"; }
  std::string Printed() const {
    Result<std::string> text = ReadFile(Output(), 1 << 20);
    return text.ok() ? *text : text.status().ToString();
  }

  std::string directory_;
};

TEST_F(ProcessTest, TellsHowAChildEnded) {
  Result<Process> exits = Process::Spawn(Shell("exit 3"));
  ASSERT_TRUE(exits.ok());
  ASSERT_TRUE(exits->WaitFor(seconds(60)));
  EXPECT_EQ(exits->ending(), "exit status 3");
  EXPECT_EQ(exits->exit_status(), 3);

  Result<Process> killed = Process::Spawn(Shell("exec sleep 1000"));
  ASSERT_TRUE(killed.ok());
  EXPECT_FALSE(killed->Ended());
  killed->Signal(SIGKILL);
  ASSERT_TRUE(killed->WaitFor(seconds(60)));
  EXPECT_EQ(killed->ending(), "signal 9 (Killed)");
  EXPECT_EQ(killed->exit_status(), -1);
  killed->Signal(SIGKILL);  // refers to nobody any more
}

TEST_F(ProcessTest, InheritsNothingButWhatItIsGiven) {
  ASSERT_EQ(::setenv("JOEY_TEST_SECRET", "secret", 1), 0);
  int leaked = ::memfd_create("leaked", 0);  // without MFD_CLOEXEC
  ASSERT_GE(leaked, 0);
  ProcessOptions options = Shell("echo \"[$JOEY_TEST_SECRET] [$GIVEN]\"; test -e /proc/self/fd/" +
                                 std::to_string(leaked) +
                                 " && echo open; read line || echo nothing to read; "
                                 "set -- $(cat /proc/$$/stat); test $5 = $$ && echo own group");
  options.environment = {"GIVEN=yes", "PATH=/usr/bin:/bin"};
  Result<Process> child = Process::Spawn(options);
  ::close(leaked);
  ::unsetenv("JOEY_TEST_SECRET");
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->WaitFor(seconds(60)));
  EXPECT_EQ(Printed(), "[] [yes]\nnothing to read\nown group\n");
}

TEST_F(ProcessTest, AProgramThatCannotStartIsAnError) {
  ProcessOptions options = Shell("");
  options.arguments = {directory_ + "/absent"};
  Result<Process> child = Process::Spawn(options);
  ASSERT_FALSE(child.ok());
  EXPECT_NE(child.status().message().find("No such file"), std::string::npos);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no zombie
}

TEST_F(ProcessTest, AProgramThatIsNotRecordedNeverRuns) {
  ProcessOptions options = Shell("echo ran");
  options.record = [](const Process&) { return Internal("the disk is full"); };
  Result<Process> child = Process::Spawn(options);
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.status().message(), "the disk is full");
  EXPECT_EQ(Printed(), "");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(ProcessTest, AProgramWhoseStarterDiedBeforeRecordingItNeverRuns) {
  int pids[2];
  ASSERT_EQ(::pipe(pids), 0);
  pid_t starter = ::fork();
  if (starter == 0) {
    ProcessOptions options = Shell("echo ran");
    options.record = [&](const Process& process) -> Status {
      pid_t pid = process.pid();
      (void)!::write(pids[1], &pid, sizeof pid);
      ::raise(SIGKILL);
      return {};
    };
    (void)Process::Spawn(options);
    ::_exit(1);
  }
  ::close(pids[1]);
  pid_t pid = 0;
  ASSERT_EQ(::read(pids[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  // The child holds the writing end until it ends.
  EXPECT_EQ(::read(pids[0], &pid, sizeof pid), 0);
  ::close(pids[0]);
  ASSERT_EQ(::waitpid(starter, nullptr, 0), starter);
  EXPECT_EQ(Printed(), "");
}

TEST_F(ProcessTest, AdoptsOnlyTheProcessThatWasMeant) {
  Result<Process> child = Process::Spawn(Shell("exec sleep 1000"));
  ASSERT_TRUE(child.ok());
  // Somebody else's process under a number that was used before.
  EXPECT_FALSE(Process::Adopt(child->pid(), child->start_ticks() - 1).has_value());
  EXPECT_FALSE(Process::Adopt(child->pid(), 0).has_value());
  std::optional<Process> adopted = Process::Adopt(child->pid(), child->start_ticks());
  ASSERT_TRUE(adopted.has_value());
  EXPECT_FALSE(adopted->Ended());
  adopted->Signal(SIGTERM);
  ASSERT_TRUE(adopted->WaitFor(seconds(60)));
  EXPECT_EQ(adopted->ending(), "ended");
  // Dead, though its parent has not waited for it yet.
  EXPECT_FALSE(Process::Adopt(child->pid(), child->start_ticks()).has_value());
  ASSERT_TRUE(child->WaitFor(seconds(60)));
}

// One buffer, filled by the kernel: little CPU time, so that a busy machine does not matter.
constexpr char kTakes300Megabytes[] =
    "dd if=/dev/zero of=/dev/null bs=300M count=1 && echo survived";

TEST_F(ProcessTest, AGroupsMemoryLimitEndsWhoExceedsIt) {
  const std::string name = "test-" + RandomHex(5);
  Result<std::unique_ptr<Cgroup>> group = Cgroup::Make(name, 2, 32 << 20);
  if (!group.ok()) GTEST_SKIP() << "no control groups here: " << group.status().message();
  ProcessOptions options = Shell(kTakes300Megabytes);
  options.environment = {"PATH=/usr/bin:/bin"};
  options.cgroups = (*group)->procs_files();
  Result<Process> child = Process::Spawn(options);
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->WaitFor(seconds(60)));
  EXPECT_EQ(Printed().find("survived"), std::string::npos);
  EXPECT_GT((*group)->OutOfMemoryKills(), 0);
  (*group).reset();
  for (const char* parent : {"/joey/", "/cpu/joey/", "/memory/joey/"}) {
    EXPECT_FALSE(fs::exists("/sys/fs/cgroup" + std::string(parent) + name));
  }
}

TEST_F(ProcessTest, TheDataLimitHoldsWithoutGroups) {
  ProcessOptions options = Shell(kTakes300Megabytes);
  options.environment = {"PATH=/usr/bin:/bin"};
  options.data_bytes_max = 32 << 20;
  Result<Process> child = Process::Spawn(options);
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->WaitFor(seconds(60)));
  EXPECT_EQ(Printed().find("survived"), std::string::npos);
}

TEST_F(ProcessTest, RemovesGroupsOfAnEarlierRun) {
  const std::string name = "test-" + RandomHex(5);
  Result<std::unique_ptr<Cgroup>> group = Cgroup::Make(name, 0.5, 64 << 20);
  if (!group.ok()) GTEST_SKIP() << "no control groups here: " << group.status().message();
  std::string directory = fs::path((*group)->procs_files().front()).parent_path();
  ASSERT_TRUE(fs::exists(directory));
  Cgroup::Remove(name);
  EXPECT_FALSE(fs::exists(directory));
}

}  // namespace
}  // namespace joey
