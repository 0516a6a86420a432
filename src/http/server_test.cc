#include "http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace joey::http {
namespace {

int Connect(const Server& server) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.address().port);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// Sends raw bytes to the server and returns everything it answers until it closes.
std::string Talk(const Server& server, std::string_view bytes) {
  int fd = Connect(server);
  while (!bytes.empty()) {
    ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  std::string out;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = ::recv(fd, buffer, sizeof buffer, 0)) > 0) {
    out.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(fd);
  return out;
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Handle("POST", "/echo/{name}", [](Request& request) {
      return Response::Text(request.path_parameters[0] + ":" + std::string(request.body));
    });
    server_.HandleAsync("GET", "/async", [](Request&) -> boost::asio::awaitable<Response> {
      co_return Response::Text("async");
    });
    server_.HandleStream("POST", "/stream", [](Exchange& exchange) -> boost::asio::awaitable<void> {
      std::size_t size = 0;
      while (!exchange.body_complete()) {
        auto piece = co_await exchange.ReadBody();
        if (!piece.ok()) co_return exchange.Abort();
        size += piece->size();
      }
      co_await exchange.WriteHead(Response::Text(""), std::nullopt);
      co_await exchange.Write(std::to_string(size));
      co_await exchange.Finish();
    });
    server_.Handle("POST", "/file",
                   [](Request& request) {
                     std::ifstream file(request.body_file);
                     std::stringstream text;
                     text << file.rdbuf();
                     return Response::Text(text.str());
                   },
                   {.body_bytes_max = 1 << 20, .spool_directory = ::testing::TempDir()});
    ASSERT_TRUE(server_.Start().ok());
  }
  std::string Ask(std::string_view head, std::string_view body = "") {
    return Talk(server_, std::string(head) + "Host: localhost\r\nConnection: close\r\n\r\n" +
                             std::string(body));
  }
  Server server_{ServerOptions{}};
};

TEST_F(ServerTest, PlainHandlerGetsPathParameterAndBody) {
  std::string answer = Ask("POST /echo/a%20b HTTP/1.1\r\nContent-Length: 2\r\n", "hi");
  EXPECT_NE(answer.find("200 OK"), std::string::npos);
  EXPECT_NE(answer.find("a b:hi"), std::string::npos);
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  std::string one = "GET /async HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string answer = Talk(
      server_, one + one + "GET /async HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::size_t count = 0;
  for (std::size_t at = answer.find("async"); at != std::string::npos;
       at = answer.find("async", at + 1))
    ++count;
  EXPECT_EQ(count, 3U);
}

TEST_F(ServerTest, ChunkedBodyIsDecodedAndStreamed) {
  std::string answer = Ask("POST /stream HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
                           "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n");
  EXPECT_NE(answer.find("11"), std::string::npos);
  EXPECT_NE(answer.find("chunked"), std::string::npos);
}

TEST_F(ServerTest, BodyGoesToAFile) {
  std::string answer = Ask("POST /file HTTP/1.1\r\nContent-Length: 4\r\n", "abcd");
  EXPECT_NE(answer.find("abcd"), std::string::npos);
}

TEST_F(ServerTest, BodyOverTheLimitIsRefusedWithoutReadingIt) {
  std::string answer = Ask("POST /file HTTP/1.1\r\nContent-Length: 99999999\r\n", "abcd");
  EXPECT_NE(answer.find(" 413 "), std::string::npos);
}

TEST_F(ServerTest, UnknownPathAndMethod) {
  EXPECT_NE(Ask("GET /nothing HTTP/1.1\r\n").find(" 404 "), std::string::npos);
  EXPECT_NE(Ask("GET /echo/x HTTP/1.1\r\n").find(" 405 "), std::string::npos);
}

TEST_F(ServerTest, ForeignHostAndOriginAreRefused) {
  EXPECT_NE(Talk(server_, "GET /async HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
                .find(" 403 "),
            std::string::npos);
  EXPECT_NE(Ask("GET /async HTTP/1.1\r\nOrigin: http://evil.example\r\n").find(" 403 "),
            std::string::npos);
}

TEST_F(ServerTest, SmugglingAndMalformedHeadsAreRefused) {
  const char* heads[] = {
      "POST /echo/x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
      "POST /echo/x HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
      "POST /echo/x HTTP/1.1\r\nContent-Length: -2\r\n",
      "POST /echo/x HTTP/1.1\r\nContent-Length : 2\r\n",
      "POST /echo/x HTTP/1.1\r\nA: b\r\n folded\r\n",
      "POST /echo/x HTTP/1.1\r\nA: b\nC: d\r\n",
      "POST /echo/x HTTP/3.0\r\n",
      "POST echo HTTP/1.1\r\n",
  };
  for (const char* head : heads) {
    EXPECT_NE(Ask(head, "hi").find(" 400 "), std::string::npos) << head;
  }
}

TEST_F(ServerTest, DrainClosesIdleConnections) {
  int fd = Connect(server_);
  std::string_view request = "GET /async HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(::send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  char buffer[4096];
  ASSERT_GT(::recv(fd, buffer, sizeof buffer, 0), 0);
  server_.Drain(5);
  EXPECT_EQ(::recv(fd, buffer, sizeof buffer, 0), 0);
  ::close(fd);
}

}  // namespace
}  // namespace joey::http
