#include "http/message_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "base/limits.h"

// GCC 12 compiles `if (!co_await f()) break;` wrongly (the frame of the awaiting coroutine is
// damaged): results of co_await are named before they are tested.

namespace joey::http {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
// A claimed length is believed up to here: memory that is never written is only address space.
constexpr std::size_t kFirstBodyBytes = 16 << 20;

Status PeerGone() { return Unavailable("the other side closed the connection"); }

}  // namespace

MessageStream::MessageStream(tcp::socket socket, const std::int64_t& now_seconds)
    : socket_(std::move(socket)),
      now_seconds_(now_seconds),
      in_(std::make_unique_for_overwrite<char[]>(kInBytes)) {
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

void MessageStream::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

awaitable<bool> MessageStream::BeginTls(const TlsContext& context) {
  tls_ = std::make_unique<TlsStream>(socket_, context);
  co_return co_await tls_->Handshake();
}

awaitable<bool> MessageStream::Receive() {
  if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
  if (in_end_ == kInBytes && in_begin_ > 0) {
    std::memmove(in_.get(), in_.get() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (tls_ != nullptr) {
    const std::size_t received = co_await tls_->Read(in_.get() + in_end_, kInBytes - in_end_);
    in_end_ += received;
    co_return received > 0;
  }
  auto [error, count] = co_await socket_.async_read_some(
      asio::buffer(in_.get() + in_end_, kInBytes - in_end_), kToken);
  if (error) co_return false;
  in_end_ += count;
  co_return true;
}

void MessageStream::BeginBody(bool chunked, std::uint64_t length) {
  chunked_ = chunked;
  body_left_ = length;
  body_complete_ = !chunked && length == 0;
  chunks_ = ChunkDecoder();
}

awaitable<Result<std::string_view>> MessageStream::ReadBody() {
  for (;;) {
    if (body_complete_) {
      NeverExpire();
      co_return std::string_view();
    }
    if (chunked_) {
      std::string_view rest = buffered();
      std::size_t before = rest.size();
      Result<std::string_view> piece = chunks_.Next(rest);
      Consume(before - rest.size());
      if (!piece.ok()) co_return piece.status();
      if (chunks_.done()) body_complete_ = true;
      if (!piece->empty() || body_complete_) co_return piece;
    } else if (in_begin_ != in_end_) {
      auto take =
          static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, in_end_ - in_begin_));
      std::string_view piece = buffered().substr(0, take);
      Consume(take);
      body_left_ -= take;
      if (body_left_ == 0) body_complete_ = true;
      co_return piece;
    }
    ExpireIn(limits::kBodyIdleSecondsMax);
    const bool more = co_await Receive();
    if (!more) co_return PeerGone();
  }
}

awaitable<Status> MessageStream::ReadBodyInto(Body& body, std::size_t length) {
  std::size_t have = std::min<std::size_t>(buffered().size(), length);
  body.Reserve(std::min(length, std::max(have, kFirstBodyBytes)));
  body.Append(buffered().substr(0, have));
  Consume(have);
  while (body.size() < length) {
    if (body.size() == body.capacity()) body.Reserve(std::min(length, 2 * body.capacity()));
    ExpireIn(limits::kBodyIdleSecondsMax);
    if (tls_ != nullptr) {
      const std::size_t received = co_await tls_->Read(body.tail(), body.capacity() - body.size());
      if (received == 0) co_return PeerGone();
      body.Commit(received);
      continue;
    }
    auto [error, count] = co_await socket_.async_read_some(
        asio::buffer(body.tail(), body.capacity() - body.size()), kToken);
    if (error) co_return PeerGone();
    body.Commit(count);
  }
  body_left_ = 0;
  body_complete_ = true;
  NeverExpire();
  co_return Status();
}

// In parts, so that the limit holds for a part and not for all of a large answer.
awaitable<bool> MessageStream::SendEncrypted(const std::vector<iovec>& pieces) {
  constexpr std::size_t kPartBytes = 256 * 1024;
  std::vector<iovec> part;
  std::size_t part_bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    iovec piece = pieces[i];
    const bool last = i + 1 == pieces.size();
    do {
      const std::size_t take = std::min(piece.iov_len, kPartBytes - part_bytes);
      part.push_back({piece.iov_base, take});
      part_bytes += take;
      piece.iov_base = static_cast<char*>(piece.iov_base) + take;
      piece.iov_len -= take;
      if (part_bytes < kPartBytes && !(last && piece.iov_len == 0)) continue;
      ExpireIn(limits::kWriteIdleSecondsMax);
      const bool written = co_await tls_->Write(part);
      if (!written) co_return false;
      part.clear();
      part_bytes = 0;
    } while (piece.iov_len > 0);
  }
  co_return true;
}

awaitable<Status> MessageStream::Send(std::vector<iovec> pieces, std::size_t* sent) {
  if (tls_ != nullptr) {
    const bool written = co_await SendEncrypted(pieces);
    NeverExpire();
    if (!written) co_return PeerGone();
    co_return Status();
  }
  constexpr std::size_t kPiecesPerCall = 512;  // below IOV_MAX everywhere
  std::size_t next = 0;
  while (next < pieces.size()) {
    msghdr message{};
    message.msg_iov = &pieces[next];
    message.msg_iovlen = std::min(pieces.size() - next, kPiecesPerCall);
    ssize_t count = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) co_return PeerGone();
      ExpireIn(limits::kWriteIdleSecondsMax);
      auto [error] = co_await socket_.async_wait(tcp::socket::wait_write, kToken);
      if (error) co_return PeerGone();
      continue;
    }
    auto done = static_cast<std::size_t>(count);
    if (sent != nullptr) *sent += done;
    while (next < pieces.size() && done >= pieces[next].iov_len) done -= pieces[next++].iov_len;
    if (next < pieces.size()) {
      pieces[next].iov_base = static_cast<char*>(pieces[next].iov_base) + done;
      pieces[next].iov_len -= done;
    }
  }
  NeverExpire();
  co_return Status();
}

}  // namespace joey::http
