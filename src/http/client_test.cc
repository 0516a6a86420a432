#include "http/client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "http/server.h"

namespace joey::http {
namespace {

constexpr std::chrono::seconds kLong{30};

TEST(ClientTest, OneConnectionCarriesManyCalls) {
  Server server{{}};
  server.Handle("POST", "/echo", [](Request& request) {
    return Response::Text(std::string(request.Header("X-Name")) + ":" +
                          std::string(request.body.view()));
  });
  ASSERT_TRUE(server.Start().ok());
  Client client(server.address(), kLong);
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) {
    const auto answer = client.Call("POST", "/echo", {{"X-Name", "n"}}, {"a", large});
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "n:a" + large);
  }
}

TEST(ClientTest, AnyStatusIsAnAnswer) {
  Server server{{}};
  ASSERT_TRUE(server.Start().ok());
  Client client(server.address(), kLong);
  const auto answer = client.Call("GET", "/nowhere", {}, {});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->status, 404);
}

TEST(ClientTest, AServerThatIsGoneIsUnavailable) {
  HostPort address;
  {
    Server server{{}};
    ASSERT_TRUE(server.Start().ok());
    address = server.address();
  }
  Client client(address, kLong);
  const auto answer = client.Call("GET", "/", {}, {});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
}

TEST(ClientTest, AServerThatDoesNotAnswerIsUnavailable) {
  Server server{{}};
  std::atomic<bool> done = false;
  server.Handle("GET", "/slow", [&](Request&) {
    done.wait(false);
    return Response::Text("late");
  });
  ASSERT_TRUE(server.Start().ok());
  Client client(server.address(), std::chrono::milliseconds(20));
  const auto answer = client.Call("GET", "/slow", {}, {});
  done = true;
  done.notify_all();
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace joey::http
