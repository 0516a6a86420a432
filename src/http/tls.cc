#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace joey::http {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
// Below this, pieces are put together: a record and a system call for each would cost more.
constexpr std::size_t kGatherBytesMax = 16 * 1024;

// A key with a passphrase would make OpenSSL ask on the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string LastError() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "it cannot be read" : reason;
}

Status CheckFile(const std::string& path, std::string_view what) {
  if (FILE* file = std::fopen(path.c_str(), "re")) {
    std::fclose(file);
    return {};
  }
  const std::error_code error(errno, std::generic_category());
  return InvalidArgument(std::string(what) + " " + path + " cannot be read: " + error.message(),
                         "give the path of a PEM file that this user may read");
}

}  // namespace

struct TlsContext::Impl {
  asio::ssl::context context{asio::ssl::context::tls_server};
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::Load(const std::string& certificate,
                                                     const std::string& key) {
  JOEY_RETURN_IF_ERROR(CheckFile(certificate, "the TLS certificate"));
  JOEY_RETURN_IF_ERROR(CheckFile(key, "the TLS key"));
  auto impl = std::make_unique<Impl>();
  SSL_CTX* native = impl->context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_default_passwd_cb(native, NoPassphrase);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(native, certificate.c_str()) != 1) {
    return InvalidArgument(
        "the TLS certificate " + certificate + " is no PEM certificate: " + LastError(),
        "give a PEM file that begins with this server's certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(native, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    // OpenSSL compares both while it takes the key.
    const bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
                       ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
    const std::string reason = LastError();
    if (other) {
      return InvalidArgument(
          "the TLS key " + key + " is not the one of the certificate " + certificate,
          "give the key that the certificate was made for");
    }
    return InvalidArgument("the TLS key " + key + " is no PEM key without passphrase: " + reason,
                           "give a PEM file with an unencrypted private key");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(native))) < 0) {
    spdlog::warn("the TLS certificate {} has expired: clients will refuse it", certificate);
  }
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

struct TlsStream::Impl {
  Impl(tcp::socket& socket, asio::ssl::context& context) : stream(socket, context) {}
  asio::ssl::stream<tcp::socket&> stream;
  std::string gathered;
};

TlsStream::TlsStream(tcp::socket& socket, const TlsContext& context)
    : impl_(std::make_unique<Impl>(socket, context.impl_->context)) {}
TlsStream::~TlsStream() = default;

awaitable<bool> TlsStream::Handshake() {
  auto [error] = co_await impl_->stream.async_handshake(asio::ssl::stream_base::server, kToken);
  co_return !error;
}

awaitable<std::size_t> TlsStream::Read(char* to, std::size_t size) {
  auto [error, count] = co_await impl_->stream.async_read_some(asio::buffer(to, size), kToken);
  std::size_t got = count;
  if (error) got = 0;
  co_return got;
}

awaitable<bool> TlsStream::Write(const std::vector<iovec>& pieces) {
  std::string& gathered = impl_->gathered;
  gathered.clear();
  for (const iovec& piece : pieces) {
    const auto* bytes = static_cast<const char*>(piece.iov_base);
    if (gathered.size() + piece.iov_len <= kGatherBytesMax) {
      gathered.append(bytes, piece.iov_len);
      continue;
    }
    for (const auto& part : {asio::const_buffer(gathered.data(), gathered.size()),
                             asio::const_buffer(bytes, piece.iov_len)}) {
      if (part.size() == 0) continue;
      auto [error, count] = co_await asio::async_write(impl_->stream, part, kToken);
      if (error) co_return false;
    }
    gathered.clear();
  }
  if (gathered.empty()) co_return true;
  auto [error, count] = co_await asio::async_write(impl_->stream, asio::buffer(gathered), kToken);
  co_return !error;
}

}  // namespace joey::http
