#include "base/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace joey {
namespace {

constexpr char kPython[] = "/usr/bin/python3";

std::string Name(unsigned layers) {
  std::string out;
  if (layers & kSandboxNamespaces) out += "Namespaces";
  if (layers & kSandboxLandlock) out += "Landlock";
  if (layers & kSandboxSeccomp) out += "Seccomp";
  if (layers & kSandboxOwnUser) out += "OwnUser";
  return out.empty() ? "Nothing" : out;
}

// A program in a sandbox of chosen layers, and what it printed.
class SandboxTest : public testing::TestWithParam<unsigned> {
 protected:
  SandboxTest() {
    char pattern[] = "/var/tmp/joey-sandbox-test-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    std::ofstream(directory_ + "/secret") << "secret";
    std::filesystem::permissions(directory_ + "/secret", std::filesystem::perms(0666));
  }
  ~SandboxTest() override { std::filesystem::remove_all(directory_); }

  // `program` is Python; `layers` of the last run are left in layers_.
  std::string Run(const std::string& program, SandboxOptions options = {}) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    options.arguments = {kPython, "-I", "-c", program};
    options.output = write_end.get();
    options.layers = GetParam();
    Result<SandboxedProcess> started = SpawnSandboxed(options);
    EXPECT_TRUE(started.ok()) << started.status().ToString();
    if (!started.ok()) return "";
    layers_ = started->layers;
    write_end.Reset();
    std::string out;
    char buffer[4096];
    for (ssize_t got; (got = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
      out.append(buffer, static_cast<std::size_t>(got));
    }
    EXPECT_TRUE(started->process.WaitFor(std::chrono::seconds(30)));
    ending_ = started->process.ending();
    return out;
  }

  bool Uses(unsigned layer) const { return (layers_ & layer) != 0; }
  bool FilesAreKept() const { return Uses(kSandboxNamespaces) || Uses(kSandboxLandlock); }

  std::string directory_;
  std::string ending_;
  unsigned layers_ = 0;
};

TEST_P(SandboxTest, RunsWithACleanEnvironmentAndNoDescriptors) {
  ::setenv("JOEY_TEST_SECRET", "hidden", 1);
  int inherited = ::open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC
  int given = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  SandboxOptions options;
  options.environment = {"A=b"};
  options.descriptors = {given};
  std::string out = Run(R"(
import os
print(sorted(k for k in os.environ if k != "LC_CTYPE"))
def there(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False
print([fd for fd in range(256) if there(fd)])
open(os.environ["TMPDIR"] + "/x", "w").write("y")
)",
                        options);
  ::close(inherited);
  ::close(given);
  EXPECT_EQ(out, "['A', 'HOME', 'TMPDIR']\n[0, 1, 2, 3]\n");
  EXPECT_EQ(ending_, "exit status 0");
}

TEST_P(SandboxTest, HasNoNetwork) {
  UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size);
  std::string out = Run("import socket\ntry:\n socket.create_connection(('127.0.0.1', " +
                        std::to_string(ntohs(address.sin_port)) +
                        "), 5)\n print('connected')\nexcept OSError as e:\n print('no')");
  if (layers_ != 0) {
    EXPECT_EQ(out, "no\n");
  } else {
    EXPECT_EQ(out, "connected\n");  // the test itself would notice a network
  }
}

TEST_P(SandboxTest, SeesOnlyListedFiles) {
  std::filesystem::create_directory(directory_ + "/given");
  std::ofstream(directory_ + "/given/file") << "given";
  SandboxOptions options;
  options.readable = {directory_ + "/given"};
  std::string out = Run(R"(
import os
d = ')" + directory_ + R"('
def tried(f):
    try:
        return f()
    except OSError:
        return "no"
print(tried(lambda: open(d + "/given/file").read()))
print(tried(lambda: open(d + "/secret").read()))
print(tried(lambda: open("/etc/shadow").read()[:0] + "shadow"))
print(tried(lambda: open(d + "/secret", "w").write("!")))
print(tried(lambda: open(d + "/given/file", "w").write("!")))
print(tried(lambda: open("/usr/joey-test", "w").write("!")))
print(tried(lambda: "secret" in os.listdir(d)))
)",
                        options);
  if (FilesAreKept()) {
    EXPECT_EQ(out.substr(0, 21), "given\nno\nno\nno\nno\nno\n");
    EXPECT_NE(out.substr(21), "True\n");
    EXPECT_EQ(*ReadFile(directory_ + "/secret", 100), "secret");
  } else {
    EXPECT_EQ(out.substr(0, 13), "given\nsecret\n");  // the test itself would notice
  }
}

TEST_P(SandboxTest, CannotReachOtherProcesses) {
  std::string out = Run("import os, signal\npid = " + std::to_string(::getpid()) + R"(
def tried(f):
    try:
        return "yes" if f() else "no"
    except OSError:
        return "no"
print(tried(lambda: os.kill(pid, 0) is None))
print(tried(lambda: open(f"/proc/{pid}/environ").read(1)))
print(tried(lambda: open(f"/proc/{pid}/mem", "rb").read(1)))
)");
  if (Uses(kSandboxNamespaces) || (Uses(kSandboxLandlock) && Uses(kSandboxSeccomp))) {
    EXPECT_EQ(out, "no\nno\nno\n");
  } else if (!Uses(kSandboxSeccomp)) {
    EXPECT_EQ(out.substr(0, 4), "yes\n");  // the test itself would notice
  }
}

TEST_P(SandboxTest, MakesNoNamespacesAndTracesNobody) {
  std::string out = Run(R"(
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    return "no" if libc.syscall(*arguments) < 0 else "yes"
print(call(272, 0x10000000))        # unshare(CLONE_NEWUSER)
print(call(101, 0, 0, 0, 0))        # ptrace(PTRACE_TRACEME)
print(call(165, 0, 0, 0, 0, 0))     # mount
print(call(425, 8, 0))              # io_uring_setup
print(call(321, 0, 0, 0))           # bpf
)");
#if defined(__x86_64__)
  if (Uses(kSandboxSeccomp)) {
    EXPECT_EQ(out, "no\nno\nno\nno\nno\n");
  }
#endif
}

TEST_P(SandboxTest, StartsThreadsAndWhereItHasItsOwnProcessesAlsoThese) {
  std::string out = Run(R"(
import os, threading
t = threading.Thread(target=lambda: print("thread", flush=True))
t.start()
t.join()
try:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    print("forked")
except OSError:
    print("not forked")
)");
  const bool forks = Uses(kSandboxNamespaces) || !Uses(kSandboxSeccomp);
  EXPECT_EQ(out, forks ? "thread\nforked\n" : "thread\nnot forked\n");
}

TEST_P(SandboxTest, EndsAllProcessesWithTheFirst) {
  if (!(GetParam() & kSandboxNamespaces)) GTEST_SKIP() << "needs a process namespace";
  // The child would keep the pipe open, and Run() would wait for it.
  std::string out = Run(R"(
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
print("parent")
)");
  EXPECT_EQ(out, "parent\n");
}

TEST_P(SandboxTest, HoldsToItsMemory) {
  SandboxOptions options;
  options.memory_bytes = 200 << 20;
  std::string out = Run(R"(
try:
    x = bytearray(400 << 20)
    print("got it")
except MemoryError:
    print("refused")
)",
                        options);
  EXPECT_EQ(out, "refused\n");
}

TEST_P(SandboxTest, RunsAsNobodyElse) {
  std::string out = Run("import os; print(os.getuid(), os.geteuid())");
  if (Uses(kSandboxOwnUser) && ::geteuid() == 0) {
    EXPECT_NE(out, "0 0\n");
  }
  // Root without its rights is a user like others.
  std::string capabilities = Run(R"py(
import re
print(re.findall(r"Cap(?:Prm|Eff|Amb):\s*0*(\w)", open("/proc/self/status").read()))
)py");
  EXPECT_EQ(capabilities, "['0', '0', '0']\n");
}

TEST_P(SandboxTest, LeavesNothingBehind) {
  std::string home = Run("import os; print(os.environ['TMPDIR'], end='')");
  ASSERT_EQ(home.substr(0, 4), "/tmp");
  EXPECT_TRUE(home == "/tmp" || !std::filesystem::exists(home)) << home;
}

INSTANTIATE_TEST_SUITE_P(Layers, SandboxTest,
                         testing::Values(kSandboxAll, kSandboxAll & ~kSandboxNamespaces,
                                         kSandboxAll & ~kSandboxOwnUser,
                                         kSandboxAll & ~(kSandboxNamespaces | kSandboxOwnUser),
                                         kSandboxSeccomp, 0U),
                         [](const auto& parameter) { return Name(parameter.param); });

TEST(SandboxErrorsTest, AMissingProgramIsAnError) {
  SandboxOptions options;
  options.arguments = {"/nonexistent/program"};
  UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  options.output = null.get();
  Result<SandboxedProcess> started = SpawnSandboxed(options);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.status().message().find("/nonexistent/program"), std::string::npos);
}

TEST(SandboxErrorsTest, WhatIsMissingIsSaid) {
  EXPECT_EQ(MissingLayers(kSandboxAll), "");
  EXPECT_EQ(MissingLayers(kSandboxAll & ~kSandboxLandlock), "");
  EXPECT_NE(MissingLayers(0).find("seccomp"), std::string::npos);
}

}  // namespace
}  // namespace joey
