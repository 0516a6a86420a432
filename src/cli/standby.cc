#include "cli/standby.h"

#include <fcntl.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "http/listener.h"
#include "store/data_directory.h"

namespace joey::cli {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kLookEvery{50};  // whether the leader lives; connects again
constexpr std::size_t kPieceBytes = 64 << 10;

// Until one side has nothing more to say, which the other is told, or is gone.
awaitable<void> Copy(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to) {
  std::array<char, kPieceBytes> piece;
  boost::system::error_code ignored;
  for (;;) {
    const auto [read_error, size] = co_await from->async_read_some(asio::buffer(piece), kUse);
    if (read_error == asio::error::eof) {
      to->shutdown(tcp::socket::shutdown_send, ignored);
      co_return;
    }
    boost::system::error_code error = read_error;
    if (!error) {
      const auto [write_error, written] =
          co_await asio::async_write(*to, asio::buffer(piece.data(), size), kUse);
      error = write_error;
    }
    if (error) {
      from->close(ignored);
      to->close(ignored);
      co_return;
    }
  }
}

}  // namespace

struct Standby::Impl {
  Impl(std::string directory, UniqueFd socket)
      : data(std::move(directory)), listener(std::move(socket)) {}

  // Where the leader listens; nullopt while there is none.
  std::optional<tcp::endpoint> Leader() const {
    const Result<std::string> text = ReadFile(DataDirectory::AddressFileOf(data), 256);
    const Result<HostPort> address =
        text.ok() ? ParseHostPort(*text) : Result<HostPort>(text.status());
    if (!address.ok()) return std::nullopt;
    boost::system::error_code error;
    const auto ip =
        asio::ip::make_address(address->host == "localhost" ? "127.0.0.1" : address->host, error);
    if (error) return std::nullopt;
    return tcp::endpoint(ip, address->port);
  }

  // A client is taken out of the queue only when there is somebody to pass it to.
  awaitable<void> Accept() {
    asio::steady_timer pause(context);
    for (;;) {
      const auto [wait_error] = co_await acceptor.async_wait(tcp::acceptor::wait_read, kUse);
      if (wait_error) co_return;
      auto upstream = std::make_shared<tcp::socket>(context);
      const std::optional<tcp::endpoint> leader = Leader();
      boost::system::error_code error = asio::error::not_connected;
      if (leader) {
        const auto [connect_error] = co_await upstream->async_connect(*leader, kUse);
        error = connect_error;
      }
      if (error) {
        pause.expires_after(kLookEvery);
        co_await pause.async_wait(kUse);
        continue;
      }
      auto client = std::make_shared<tcp::socket>(context);
      acceptor.accept(*client, error);
      if (error) continue;  // it went away meanwhile
      client->set_option(tcp::no_delay(true), error);
      upstream->set_option(tcp::no_delay(true), error);
      asio::co_spawn(context, Copy(client, upstream), asio::detached);
      asio::co_spawn(context, Copy(upstream, client), asio::detached);
    }
  }

  awaitable<void> Watch(std::atomic<bool>& gone) {
    asio::steady_timer timer(context);
    while (DataDirectory::IsInUse(data)) {
      timer.expires_after(kLookEvery);
      co_await timer.async_wait(kUse);
    }
    gone = true;
    context.stop();
  }

  const std::string data;
  UniqueFd listener;
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
};

Standby::Standby(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Standby::~Standby() { (void)Stop(); }

std::unique_ptr<Standby> Standby::Start(std::string data, UniqueFd listener) {
  std::unique_ptr<Standby> standby(
      new Standby(std::make_unique<Impl>(std::move(data), std::move(listener))));
  Impl& impl = *standby->impl_;
  boost::system::error_code ignored;
  const int fd = ::fcntl(impl.listener.get(), F_DUPFD_CLOEXEC, 0);
  impl.acceptor.assign(http::IsIpv6(impl.listener) ? tcp::v6() : tcp::v4(), fd, ignored);
  impl.acceptor.non_blocking(true, ignored);
  asio::co_spawn(impl.context, impl.Accept(), asio::detached);
  asio::co_spawn(impl.context, impl.Watch(standby->leader_is_gone_), asio::detached);
  standby->thread_ = std::thread([&impl] { impl.context.run(); });
  return standby;
}

UniqueFd Standby::Stop() {
  if (impl_ == nullptr) return {};
  impl_->context.stop();
  if (thread_.joinable()) thread_.join();
  UniqueFd listener = std::move(impl_->listener);
  impl_.reset();  // closes what was passed through
  return listener;
}

}  // namespace joey::cli
