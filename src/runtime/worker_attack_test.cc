// Workers that do not keep to the protocol: whatever they send, the request gets an error, the
// worker is replaced, and this process keeps its memory and its descriptors.

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/files.h"
#include "data/arrow_ipc.h"
#include "runtime/python_model.h"

namespace joey {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<arrow::Array> Numbers(const std::vector<double>& values) {
  arrow::DoubleBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> Told(double value) {
  auto column = Numbers({value});
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("told", column->type())}), 1,
                                  {column});
}

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// Processes whose command line has `text` in it.
int ProcessesWith(const std::string& text) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    Result<std::string> line = ReadFile(entry.path().string() + "/cmdline", 1 << 16);
    if (line.ok() && line->find(text) != std::string::npos) ++count;
  }
  return count;
}

bool WaitForProcesses(const std::string& text, int wanted) {
  for (int i = 0; i < 1000; ++i) {
    if (ProcessesWith(text) == wanted) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

std::string ArrowText(const std::shared_ptr<arrow::RecordBatch>& batch) {
  std::string out = *EncodeArrowSchema(*batch->schema());
  auto parts = EncodeArrowBatch(*batch);
  for (const ArrowPart& part : *parts) out += part.bytes;
  return out;
}

std::shared_ptr<arrow::RecordBatch> Batch(const std::shared_ptr<arrow::Array>& column,
                                          const char* name = "out") {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field(name, column->type())}),
                                  column->length(), {column});
}

std::string Hex(const std::string& bytes) {
  std::string out;
  for (unsigned char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += {kDigits[c >> 4], kDigits[c & 15]};
  }
  return out;
}

// A worker of a few lines, ready within milliseconds, that speaks the protocol by itself. It
// answers properly, unless the request has the number 1 in it: then it does what the test says.
constexpr char kWorker[] = R"py(
import array, fcntl, mmap, os, socket, struct, sys, threading, time
sock = socket.socket(fileno=3)
area = mmap.mmap(4, 0)
HALF = len(area) // 2
def header(kind=4, id=None, first=0, second=0, flags=0, magic=0x314B574A):
    return struct.pack("=IIQQQQ", magic, kind, number if id is None else id, first, second, flags)
def send(data, *fds):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([data], rights)
def memfd(size, seals=15, fill=b"x"):
    fd = os.memfd_create("evil", 3)
    os.write(fd, fill * size) if fill else os.truncate(fd, size)
    fcntl.fcntl(fd, 1033, seals)
    return fd
number = 0
sock.recv(1 << 20)
send(header(kind=3, first=2) + b"{}")
good = bytes.fromhex("GOOD")
def attack():
    ATTACK
while True:
    request = sock.recv(1 << 20)
    if not request:
        break
    number = struct.unpack_from("=IIQQQQ", request)[2]
    if struct.pack("<d", 1.0) in request:
        attack()
    send(header(first=8, second=len(good) - 8) + good)
)py";

class WorkerAttackTest : public testing::Test {
 protected:
  WorkerAttackTest() {
    char pattern[] = "/tmp/joey-attack-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    workers_ = directory_ + "/workers";
    std::filesystem::create_directory(workers_);
  }
  ~WorkerAttackTest() override { std::filesystem::remove_all(directory_); }

  PythonModelOptions Options(const std::string& attack) {
    std::string worker = kWorker;
    worker.replace(worker.find("GOOD"), 4, Hex(ArrowText(Batch(Numbers({8})))));
    worker.replace(worker.find("ATTACK"), 6, attack);
    std::ofstream(workers_ + "/__main__.py") << worker;
    PythonModelOptions options;
    options.name = "step";
    options.worker_directory = workers_;
    options.script_path = workers_ + "/__main__.py";
    options.output_schema = arrow::schema({arrow::field("out", arrow::float64())});
    return options;
  }

  // The worker was told to attack: not with success where that has an error, and not with harm.
  void Attack(const std::string& attack, const std::string& error) {
    SCOPED_TRACE(attack);
    auto model = LoadPythonModel(Options(attack));
    ASSERT_TRUE(model.ok()) << model.status().ToString();
    ASSERT_TRUE((*model)->Run(Told(7)).ok());
    const std::size_t descriptors = OpenDescriptors();
    auto attacked = (*model)->Run(Told(1));
    ASSERT_EQ(attacked.ok(), error.empty());
    EXPECT_NE(attacked.status().ToString().find(error), std::string::npos)
        << attacked.status().ToString();
    // What was left in the channel may break the next requests, too.
    auto after = (*model)->Run(Told(7));
    for (int i = 0; i < 2 && !after.ok(); ++i) after = (*model)->Run(Told(7));
    ASSERT_TRUE(after.ok()) << after.status().ToString();
    EXPECT_EQ((*after)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "8");
    EXPECT_LE(OpenDescriptors(), descriptors);
  }
  // Sends `text` as a result of that many bytes of schema.
  void AttackWith(const std::string& text, std::size_t first, const std::string& error) {
    Attack("t = bytes.fromhex('" + Hex(text) + "'); send(header(first=" + std::to_string(first) +
               ", second=len(t) - " + std::to_string(first) + ") + t)",
           error);
  }

  std::string directory_;
  std::string workers_;
};

TEST_F(WorkerAttackTest, HeadersThatAreNone) {
  Attack("send(b'garbage')", "without a proper header");
  Attack("send(b'x' * 4096)", "without a proper header");
  Attack("send(b'x' * 100000)", "without a proper header");
  Attack("send(header(magic=1))", "without a proper header");
  Attack("send(header()[:39])", "without a proper header");
  Attack("send(b'')\n    time.sleep(600)", "died while it worked");
}

TEST_F(WorkerAttackTest, AnswersThatNobodyAskedFor) {
  Attack("send(header(id=99))", "nobody asked for");
  Attack("send(header(kind=77))", "nobody asked for");
  Attack("send(header(kind=3))", "nobody asked for");
  // The next request's, in advance: it is refused, never taken for that one's.
  Attack("send(header()); send(header(id=number + 1))", "the result of Python");
}

TEST_F(WorkerAttackTest, SizesThatAreLies) {
  Attack("send(header(first=100))", "another size than announced");
  Attack("send(header(first=2**64 - 1, second=2))", "larger than");
  Attack("send(header(first=8, second=2**64 - 8))", "larger than");
  Attack("send(header(first=2**63, second=2**63))", "larger than");
  Attack("send(header(first=4) + b'12345678')", "another size than announced");
  Attack("send(header(first=HALF + 1, flags=2))", "another size than announced");
  Attack("send(header(first=2**20, flags=3))", "another size than announced");
  Attack("send(header(first=2**20, flags=2**63))", "another size than announced");
}

TEST_F(WorkerAttackTest, FilesThatAreNotWhatTheySeem) {
  Attack("send(header(first=4096, flags=1))", "another size than announced");
  Attack("send(header(first=4096, flags=1), memfd(4096, seals=0))", "not sealed");
  Attack("send(header(first=4096, flags=1), memfd(4096, seals=8))", "not sealed");
  Attack("send(header(first=4096, flags=1), memfd(4000))", "another size");
  Attack("send(header(first=2**28, flags=1), memfd(2**28, fill=b''))", "another size");
  Attack("r, w = os.pipe()\n    send(header(first=4096, flags=1), r)", "not sealed");
  Attack("send(header(first=4096, flags=1), os.open('/dev/zero', 0))", "not sealed");
  Attack("send(header(first=4096, flags=1), os.open('/usr/bin/env', 0))", "not sealed");
  Attack("send(header(first=4096, flags=1), 1, 1, 1)", "without a proper header");
  Attack("send(header(), 1)", "another size than announced");
}

TEST_F(WorkerAttackTest, TablesThatAreBroken) {
  const std::string good = ArrowText(Batch(Numbers({1})));
  AttackWith("1234567812345678", 8, "the result of Python");
  AttackWith(good, 7, "not aligned");
  AttackWith(good.substr(0, good.size() - 8), 8, "the result of Python");
  AttackWith(ArrowText(Batch(Numbers({1, 2}))), 8, "2 rows for 1");
  AttackWith(ArrowText(Batch(Numbers({1}), "in")), 8, "declared are");
  AttackWith(ArrowText(Batch(arrow::MakeArrayOfNull(arrow::float64(), 1).ValueOrDie())), 8,
             "null is not accepted");
  AttackWith(ArrowText(Batch(arrow::MakeArrayFromScalar(arrow::Int64Scalar(1), 1).ValueOrDie())), 8,
             "declared are");
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::DoubleBuilder>());
  ASSERT_TRUE(lists.Append().ok());
  std::string offsets = ArrowText(Batch(lists.Finish().ValueOrDie()));
  // The offsets are the last thing in it.
  offsets.replace(offsets.size() - 8, 8, "\xff\xff\xff\x7f\xff\xff\xff\x7f");
  AttackWith(offsets, 8, "the result of Python");
}

TEST_F(WorkerAttackTest, ErrorsThatAreNoText) {
  Attack("send(header(5, None, 8) + b'\\xff' * 8)", "did not say why");
  Attack("m = b'{\"message\": \"a\\xffb\"}'\n    send(header(5, None, len(m)) + m)",
         "did not say why");
  Attack("m = b'{\"message\": 5}'\n    send(header(5, None, len(m)) + m)", "did not say why");
  Attack("m = b'[' * 7000\n    send(header(5, None, len(m)) + m)", "did not say why");
  Attack("send(header(5, None, 2**20, flags=2))", "did not say why");
}

// Memory that changes while it is read: each answer is either refused or a proper table.
TEST_F(WorkerAttackTest, SharedMemoryThatChanges) {
  const std::string rows = ArrowText(Batch(Numbers(std::vector<double>(50'000, 1.0))));
  std::ofstream(workers_ + "/good.bin", std::ios::binary) << rows;
  auto model = LoadPythonModel(Options(R"py(
    good = open(os.path.dirname(__file__) + "/good.bin", "rb").read()
    bad = os.urandom(len(good))
    def scribble():
        while True:
            for i in range(0, len(good), 997):
                area[HALF + i:HALF + i + 8] = bad[i:i + 8]
            area[HALF:HALF + len(good)] = good
    threading.Thread(target=scribble, daemon=True).start()
    send(header(first=8, second=len(good) - 8, flags=2))
    while request := sock.recv(1 << 20):
        send(header(id=struct.unpack_from("=IIQQQQ", request)[2], first=8, second=len(good) - 8, flags=2))
    os._exit(0)
)py"));
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  auto column = Numbers(std::vector<double>(50'000, 1.0));
  auto in = arrow::RecordBatch::Make(arrow::schema({arrow::field("told", column->type())}),
                                     column->length(), {column});
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    auto out = (*model)->Run(in);
    if (!out.ok()) {
      ++refused;
      continue;
    }
    EXPECT_TRUE((*out)->ValidateFull().ok());
    EXPECT_EQ((*out)->num_rows(), 50'000);
  }
  EXPECT_GT(refused, 0);
}

TEST_F(WorkerAttackTest, EverythingThatItCanWriteTo) {
  Attack(R"(
    for fd in range(3, 256):
        try:
            os.write(fd, b"garbage" * 100)
        except OSError:
            pass
    area[:] = os.urandom(1 << 20) * (len(area) >> 20)
)",
         "without a proper header");
  Attack("os.ftruncate(4, 0)", "died while it worked");
  Attack("sock.close(); time.sleep(600)", "died while it worked");
  Attack("fcntl.fcntl(4, 1033, 8)", "died while it worked");
}

TEST_F(WorkerAttackTest, ChildrenEndWithTheirWorker) {
  const std::string children = R"(
    for i in range(20):
        if os.fork() == 0:
            os.setsid()
            while True:
                time.sleep(1)
)";
  {
    auto model = LoadPythonModel(Options(children));
    ASSERT_TRUE(model.ok()) << model.status().ToString();
    ASSERT_TRUE((*model)->Run(Told(1)).ok());
    EXPECT_EQ(ProcessesWith(workers_), 21);
  }
  EXPECT_TRUE(WaitForProcesses(workers_, 0));
  auto model = LoadPythonModel(Options(children + "    os._exit(1)\n"));
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_FALSE((*model)->Run(Told(1)).ok());
  EXPECT_TRUE((*model)->Run(Told(7)).ok());
  EXPECT_TRUE(WaitForProcesses(workers_, 1));
}

TEST_F(WorkerAttackTest, ForksWithoutEndAreStopped) {
  auto model = LoadPythonModel(Options(R"(
    try:
        while True:
            if os.fork() == 0:
                time.sleep(600)
    except OSError:
        pass
)"));
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_TRUE((*model)->Run(Told(1)).ok());
  EXPECT_LE(ProcessesWith(workers_), 257);
  *model = nullptr;
  EXPECT_TRUE(WaitForProcesses(workers_, 0));
}

TEST_F(WorkerAttackTest, WorkersEndWithAKilledEngine) {
  PythonModelOptions options = Options("pass");
  pid_t engine = ::fork();
  if (engine == 0) {
    auto model = LoadPythonModel(options);
    while (true) ::pause();
  }
  EXPECT_TRUE(WaitForProcesses(workers_, 1));
  ::kill(engine, SIGKILL);
  ::waitpid(engine, nullptr, 0);
  EXPECT_TRUE(WaitForProcesses(workers_, 0));
}

}  // namespace
}  // namespace joey
