#include "cli/secret_input.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "base/files.h"

namespace joey::cli {
namespace {

// The terminal without echo while it lives.
class Silent {
 public:
  explicit Silent(int fd) : fd_(fd) {
    known_ = ::tcgetattr(fd, &before_) == 0;
    if (!known_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    (void)::tcsetattr(fd, TCSAFLUSH, &silent);
  }
  ~Silent() {
    if (known_) (void)::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  Silent(const Silent&) = delete;
  Silent& operator=(const Silent&) = delete;

 private:
  int fd_;
  termios before_{};
  bool known_ = false;
};

Result<std::string> Ask(int terminal, const std::string& question) {
  JOEY_RETURN_IF_ERROR(WriteAll(terminal, question, "/dev/tty"));
  std::string line;
  {
    const Silent silent(terminal);
    char c = 0;
    while (::read(terminal, &c, 1) == 1 && c != '\n') line += c;
  }
  JOEY_RETURN_IF_ERROR(WriteAll(terminal, "\n", "/dev/tty"));
  return line;
}

}  // namespace

Result<std::string> ReadNewPassword(bool from_stdin) {
  if (from_stdin) {
    std::string line;
    std::getline(std::cin, line);
    return line;
  }
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal.valid()) {
    return FailedPrecondition("there is no terminal to ask for a password",
                              "give --password-stdin and the password on the standard input");
  }
  JOEY_ASSIGN_OR_RETURN(std::string first, Ask(terminal.get(), "New password: "));
  JOEY_ASSIGN_OR_RETURN(const std::string second, Ask(terminal.get(), "The same again: "));
  if (first != second) return InvalidArgument("the two passwords differ", "try again");
  return first;
}

}  // namespace joey::cli
