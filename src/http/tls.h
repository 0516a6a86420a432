// TLS for connections of the server, with the operator's certificate.
#pragma once

#include <sys/uio.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey::http {

// A certificate with its key. Immutable; any thread.
class TlsContext {
 public:
  // Reads a PEM file with the certificate and those that vouch for it, and one with its key.
  // TLS 1.2 and later. InvalidArgument says which file is wrong and how.
  static Result<std::shared_ptr<TlsContext>> Load(const std::string& certificate,
                                                  const std::string& key);
  ~TlsContext();

 private:
  friend class TlsStream;
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One side of an encrypted connection, on its socket's thread only. `socket` must outlive it.
class TlsStream {
 public:
  TlsStream(boost::asio::ip::tcp::socket& socket, const TlsContext& context);
  ~TlsStream();

  boost::asio::awaitable<bool> Handshake();
  // Up to `size` bytes; 0 at the end of the stream or on an error.
  boost::asio::awaitable<std::size_t> Read(char* to, std::size_t size);
  boost::asio::awaitable<bool> Write(const std::vector<iovec>& pieces);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::http
