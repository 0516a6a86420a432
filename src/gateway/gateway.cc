#include "gateway/gateway.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <span>

#include "base/limits.h"
#include "gateway/upstream.h"
#include "http/infer_error.h"
#include "http/offload.h"

namespace joey::gateway {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::string_view kInferPath = "/v1/api/pipelines/infer/{deployment}/{pipeline}";
// The Open Inference Protocol: what follows the deployment is the engine's own path.
constexpr std::string_view kOipPath = "/v1/api/pipelines/oip/";
constexpr std::string_view kOipGetPaths[] = {"/v2",
                                             "/v2/health/{state}",
                                             "/v2/models/{name}",
                                             "/v2/models/{name}/ready",
                                             "/v2/models/{name}/versions/{version}",
                                             "/v2/models/{name}/versions/{version}/ready"};
constexpr std::string_view kOipInferPaths[] = {"/v2/models/{name}/infer",
                                               "/v2/models/{name}/versions/{version}/infer"};
constexpr std::string_view kOipHeader = "inference-header-content-length";
// Headers of a request that engines read, and of their answers that clients do.
constexpr std::string_view kPassedHeaders[] = {"content-type", "content-encoding", "accept",
                                               "accept-encoding", kOipHeader};
constexpr std::string_view kRelayedHeaders[] = {"content-encoding", "vary", kOipHeader};

bool IsOneOf(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return http::EqualsIgnoreCase(one, name); });
}

// Counts a request as under way on an engine while it lives.
class InFlight {
 public:
  explicit InFlight(deploy::Endpoint& endpoint) : endpoint_(endpoint) {
    endpoint_.in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  ~InFlight() { endpoint_.in_flight.fetch_sub(1, std::memory_order_relaxed); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  deploy::Endpoint& endpoint_;
};

bool IsOip(const http::Request& request) { return request.target.starts_with(kOipPath); }

// An error of the inference path; one that passes says when to come again.
http::Response InferError(const http::Request& request, const Status& status) {
  http::Response response = IsOip(request) ? http::OipError(status) : http::InferError(status);
  if (status.code() == Code::kUnavailable) response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The endpoint with the fewest requests under way that has not been tried yet.
std::shared_ptr<deploy::Endpoint> LeastLoaded(const deploy::EndpointSet& endpoints,
                                              const std::vector<std::uint64_t>& tried,
                                              std::size_t start) {
  std::shared_ptr<deploy::Endpoint> best;
  int best_load = 0;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto& endpoint = endpoints[(start + i) % endpoints.size()];
    if (std::find(tried.begin(), tried.end(), endpoint->id) != tried.end()) continue;
    int load = endpoint->in_flight.load(std::memory_order_relaxed);
    if (best == nullptr || load < best_load) {
      best = endpoint;
      best_load = load;
    }
  }
  return best;
}

// A body of unknown length. A request without any (GET) has no length either, but no chunks.
bool IsChunked(http::Exchange& exchange) {
  return !exchange.content_length() && !exchange.body_complete();
}

// The request head for the engine: path and query of its own, and the headers it reads.
std::string EngineHead(http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  std::string_view target = request.target;
  std::size_t query = target.find('?');
  std::string_view raw_path = target.substr(0, query);
  std::string head;
  head.reserve(512);
  head += request.method;
  if (IsOip(request)) {
    head += ' ';
    head += raw_path.substr(raw_path.find('/', kOipPath.size()));
  } else {
    head += " /pipelines/";
    head += raw_path.substr(raw_path.rfind('/') + 1);
  }
  if (query != std::string_view::npos) head += target.substr(query);
  head += " HTTP/1.1\r\nHost: localhost";
  for (const auto& [name, value] : request.headers) {
    if (!IsOneOf(kPassedHeaders, name)) continue;
    head += "\r\n";
    head += name;
    head += ": ";
    head += value;
  }
  if (IsChunked(exchange)) {
    head += "\r\nTransfer-Encoding: chunked";
  } else {
    head += "\r\nContent-Length: ";
    head += std::to_string(exchange.content_length().value_or(0));
  }
  head += "\r\n\r\n";
  return head;
}

iovec Piece(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

// One request on its way through. Lives in the coroutine of the handler.
class Forwarding {
 public:
  Forwarding(http::Exchange& exchange, UpstreamPool& pool)
      : exchange_(exchange),
        pool_(pool),
        chunked_(IsChunked(exchange)),
        head_(EngineHead(exchange)) {}

  // Sends the request to `endpoint` and relays the answer. kUnavailable with nothing sent: another
  // endpoint may be tried (`untouched()`); any other failure has been answered or aborted.
  awaitable<Status> Run(const std::shared_ptr<deploy::Endpoint>& endpoint) {
    InFlight in_flight(*endpoint);
    std::unique_ptr<Upstream> upstream = pool_.TakeIdle(*endpoint);
    if (upstream == nullptr) upstream = co_await pool_.Connect(*endpoint);
    if (upstream == nullptr) co_return Unavailable("the engine does not accept connections");
    pool_.Watch(*upstream);
    Status sent = co_await SendRequest(*upstream);
    Status status = sent;
    bool keep = false;
    if (sent.ok()) {
      status = co_await RelayResponse(*upstream, keep);
    } else if (sent_ > 0 && !answered_) {
      // An engine that refuses a body says so without reading all of it.
      status = co_await RelayResponse(*upstream, keep);
      keep = false;
    }
    pool_.Unwatch(*upstream);
    if (keep) pool_.GiveBack(endpoint, std::move(upstream));
    co_return status;
  }

  bool untouched() const { return sent_ == 0 && !body_consumed_; }
  bool answered() const { return answered_; }

 private:
  awaitable<Status> SendRequest(Upstream& upstream) {
    std::size_t length = exchange_.content_length().value_or(0);
    // A small body goes out together with the head, and stays in memory for another try.
    if (!chunked_ && length <= limits::kGatewayBufferedBodyBytesMax) {
      while (small_body_.size() < length) {
        Result<std::string_view> piece = co_await exchange_.ReadBody();
        if (!piece.ok()) co_return piece.status();
        small_body_.append(*piece);
      }
      std::vector<iovec> pieces;
      pieces.push_back(Piece(head_));
      if (length > 0) pieces.push_back(Piece(small_body_));
      co_return co_await upstream.Send(std::move(pieces), &sent_);
    }
    std::vector<iovec> first;
    first.push_back(Piece(head_));
    Status status = co_await upstream.Send(std::move(first), &sent_);
    while (status.ok() && !exchange_.body_complete()) {
      body_consumed_ = true;
      Result<std::string_view> piece = co_await exchange_.ReadBody();
      if (!piece.ok()) {
        exchange_.Abort();
        answered_ = true;
        co_return piece.status();
      }
      status = co_await SendPiece(upstream, *piece);
    }
    if (status.ok() && chunked_) {
      std::vector<iovec> end;
      end.push_back(Piece("0\r\n\r\n"));
      status = co_await upstream.Send(std::move(end), &sent_);
    }
    co_return status;
  }

  awaitable<Status> SendPiece(Upstream& upstream, std::string_view piece) {
    std::vector<iovec> pieces;
    char size_line[24];
    if (piece.empty()) co_return Status();
    if (chunked_) {
      int count = std::snprintf(size_line, sizeof size_line, "%zx\r\n", piece.size());
      pieces.push_back(Piece({size_line, static_cast<std::size_t>(count)}));
    }
    pieces.push_back(Piece(piece));
    if (chunked_) pieces.push_back(Piece("\r\n"));
    co_return co_await upstream.Send(std::move(pieces), &sent_);
  }

  awaitable<Status> RelayResponse(Upstream& upstream, bool& keep) {
    std::size_t searched = 0;
    std::size_t head_size = 0;
    upstream.ExpireIn(limits::kInferSecondsMax);
    while ((head_size = http::FindHeadEnd(upstream.buffered(), searched)) == 0) {
      const bool more = co_await upstream.Receive();
      if (!more)
        co_return Unavailable("the engine stopped while it worked on this request",
                              "it is being restarted; send the request again");
    }
    upstream.NeverExpire();
    const std::string head_text(upstream.buffered().substr(0, head_size));
    upstream.Consume(head_size);
    http::Head head;
    Status parsed = http::ParseResponseHead(head_text, head);
    if (!parsed.ok()) co_return parsed;
    upstream.BeginBody(head.chunked, head.content_length.value_or(0));
    http::Response response;
    response.status = head.status;
    response.content_type.clear();
    for (const auto& [name, value] : head.headers) {
      if (http::EqualsIgnoreCase(name, "content-type")) response.content_type = value;
      if (IsOneOf(kRelayedHeaders, name)) response.headers.emplace_back(name, value);
    }
    answered_ = true;
    std::size_t length = head.content_length.value_or(0);
    if (head.content_length && length <= upstream.buffered().size()) {
      if (length > 0) {
        Result<std::string_view> body = co_await upstream.ReadBody();
        response.parts.push_back({nullptr, *body});
      }
      Status sent = co_await exchange_.Respond(std::move(response));
      keep = head.keep_alive;
      co_return sent;
    }
    Status status = co_await exchange_.WriteHead(response, head.content_length);
    while (status.ok() && !upstream.body_complete()) {
      Result<std::string_view> piece = co_await upstream.ReadBody();
      if (!piece.ok()) {
        exchange_.Abort();  // half an answer: the client must see that it is broken
        co_return piece.status();
      }
      status = co_await exchange_.Write(*piece);
    }
    if (status.ok()) status = co_await exchange_.Finish();
    keep = status.ok() && head.keep_alive;
    co_return status;
  }

  http::Exchange& exchange_;
  UpstreamPool& pool_;
  const bool chunked_;
  const std::string head_;
  std::string small_body_;
  std::size_t sent_ = 0;
  bool body_consumed_ = false;
  bool answered_ = false;
};

}  // namespace

Gateway::Gateway(const deploy::Deployer& deployer, auth::Authenticator& authenticator,
                 control::InferenceAccess& access)
    : deployer_(deployer), authenticator_(authenticator), access_(access) {}
Gateway::~Gateway() = default;

std::vector<Gateway::RouteName> Gateway::Routes() {
  std::vector<RouteName> out = {{"POST", std::string(kInferPath)}};
  const std::string oip = std::string(kOipPath) + "{deployment}";
  for (const std::string_view path : kOipGetPaths) out.push_back({"GET", oip + std::string(path)});
  for (const std::string_view path : kOipInferPaths) {
    out.push_back({"POST", oip + std::string(path)});
  }
  return out;
}

void Gateway::AddRoutes(http::Server& server) {
  for (const RouteName& route : Routes()) {
    http::RouteOptions options;
    if (route.method == "POST") options.body_bytes_max = limits::kInferBodyBytesMax;
    server.HandleStream(
        route.method, route.path, [this](http::Exchange& exchange) { return Forward(exchange); },
        std::move(options));
  }
}

void Gateway::Start(const http::Server& server) {
  for (auto& executor : server.executors()) {
    pools_.push_back(std::make_unique<UpstreamPool>(executor));
    asio::co_spawn(executor, pools_.back()->RunClock(), asio::detached);
  }
}

Status Gateway::Unknown(const std::string& deployment, bool ready) {
  if (!ready) return Unavailable("joey serve is starting", "send the request again in a moment");
  return NotFound("the pipeline is not deployed (there is no deployment '" + deployment + "')",
                  "call pipeline.deploy() first");
}

awaitable<Result<auth::UserPointer>> Gateway::Authenticate(const http::Request& request) {
  co_return co_await http::Offload(
      verifiers_, [this, &request] { return authenticator_.Authenticate(request); });
}

awaitable<Result<bool>> Gateway::Sees(const control::User& user, const std::string& deployment) {
  co_return co_await http::Offload(verifiers_, [&] { return access_.Look(user, deployment); });
}

awaitable<void> Gateway::Forward(http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  Result<auth::UserPointer> user = authenticator_.Known(request);
  if (*user == nullptr) user = co_await Authenticate(request);
  if (!user.ok()) {
    http::Response response = InferError(request, user.status());
    co_await exchange.Respond(std::move(response));
    co_return;
  }
  const std::string& deployment = request.path_parameters[0];
  std::shared_ptr<const deploy::Route> route = deployer_.FindRoute(deployment);
  Result<bool> sees = false;
  if (route != nullptr) {
    if (const std::optional<bool> known = access_.Known(**user, deployment)) {
      sees = *known;
    } else {
      sees = co_await Sees(**user, deployment);
    }
  }
  if (!sees.ok()) {
    http::Response response = InferError(request, sees.status());
    co_await exchange.Respond(std::move(response));
    co_return;
  }
  if (route == nullptr || !*sees) {
    http::Response response = InferError(request, Unknown(deployment, ready_));
    co_await exchange.Respond(std::move(response));
    co_return;
  }
  UpstreamPool& pool = *pools_[static_cast<std::size_t>(exchange.thread_index())];
  Forwarding forwarding(exchange, pool);
  Status status = Unavailable("no engine of '" + deployment + "' is ready",
                              "it is starting or being restarted; send the request again");
  std::vector<std::uint64_t> tried;
  thread_local std::size_t turn = 0;
  while (tried.size() < limits::kGatewayTriesMax) {
    std::shared_ptr<const deploy::EndpointSet> endpoints = route->endpoints();
    std::shared_ptr<deploy::Endpoint> endpoint = LeastLoaded(*endpoints, tried, turn++);
    if (endpoint == nullptr) break;
    tried.push_back(endpoint->id);
    status = co_await forwarding.Run(endpoint);
    if (status.ok() || !forwarding.untouched()) break;
  }
  if (!status.ok() && !forwarding.answered()) {
    // Made outside of the co_await: gcc 12 destroys temporaries of a ?: inside one twice.
    std::string hint = status.hint();
    if (hint.empty()) hint = "the engine is being restarted; send the request again";
    http::Response response = InferError(request, Unavailable(status.message(), std::move(hint)));
    co_await exchange.Respond(std::move(response));
  }
}

}  // namespace joey::gateway
