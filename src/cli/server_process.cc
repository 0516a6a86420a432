#include "cli/server_process.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "api/identity.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/random.h"
#include "cli/version.h"
#include "deploy/local_deployer.h"
#include "store/schema.h"

namespace joey::cli {
namespace {

constexpr std::size_t kSetupCodeBytes = 24;

// Whether what listens there is protected as it must be.
Status CheckExposure(const HostPort& listen, const ServeOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return InvalidArgument("a TLS certificate needs its key and the other way round",
                           "give both --tls-cert and --tls-key");
  }
  if (listen.IsLoopback()) return {};
  constexpr const char* kTunnel =
      "listen on a loopback address (--listen 127.0.0.1:8080) and reach it from elsewhere through "
      "an SSH tunnel: ssh -L 8080:127.0.0.1:8080 HOST";
  if (options.auth == "none") {
    return FailedPrecondition(
        "joey serve cannot listen on " + listen.ToString() +
            " with --auth none: everybody who reaches it could upload and run models",
        kTunnel);
  }
  if (!options.tls_certificate.empty() || options.behind_proxy) return {};
  return FailedPrecondition(
      "joey serve cannot listen on " + listen.ToString() +
          " without TLS: passwords and tokens would cross the network in the clear",
      "give --tls-cert and --tls-key, or --behind-proxy when a proxy before it ends TLS, or "
      "listen on 127.0.0.1");
}

// "https://joey.example.com:8443": scheme and host, nothing after them.
Status CheckPublicUrl(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::string_view name = std::string_view(url).substr(0, scheme);
  const bool good = scheme != std::string::npos && (name == "https" || name == "http") &&
                    url.size() > scheme + 3 &&
                    url.find_first_of("/?#@ \"<>", scheme + 3) == std::string::npos;
  if (good) return {};
  return InvalidArgument("'" + url + "' is no URL of a server",
                         "give --public-url for example https://joey.example.com");
}

std::string HostOf(const std::string& url) {
  const std::string host = url.substr(url.find("://") + 3);
  return host.substr(0, host.rfind(':'));
}

}  // namespace

Result<std::unique_ptr<ServerProcess>> ServerProcess::Start(const ServeOptions& options) {
  JOEY_ASSIGN_OR_RETURN(const HostPort listen, ParseHostPort(options.listen));
  JOEY_RETURN_IF_ERROR(CheckExposure(listen, options));
  std::unique_ptr<ServerProcess> process(new ServerProcess());
  JOEY_RETURN_IF_ERROR(process->OpenStore(options));
  JOEY_RETURN_IF_ERROR(process->MakeIdentity(options));
  JOEY_RETURN_IF_ERROR(process->MakeServices(options));
  JOEY_RETURN_IF_ERROR(process->Listen(listen, options));
  return process;
}

Status ServerProcess::OpenStore(const ServeOptions& options) {
  JOEY_ASSIGN_OR_RETURN(data_, DataDirectory::Open(options.data));
  JOEY_ASSIGN_OR_RETURN(database_, Database::Open(data_->database(), MetadataMigrations()));
  JOEY_ASSIGN_OR_RETURN(model_files_, ModelFiles::Open(data_->models()));
  JOEY_ASSIGN_OR_RETURN(logs_, logs::LogStore::Open(data_->logs()));
  JOEY_ASSIGN_OR_RETURN(log_token_, data_->IngestToken());
  JOEY_ASSIGN_OR_RETURN(Secrets secrets, Secrets::Open(*database_, data_->secrets_key()));
  secrets_ = std::make_unique<Secrets>(std::move(secrets));
  return {};
}

Status ServerProcess::MakeIdentity(const ServeOptions& options) {
  users_ = std::make_unique<auth::Users>(*database_, auth_epoch_, options.users_max);
  api_tokens_ = std::make_unique<auth::ApiTokens>(*database_, auth_epoch_);
  if (options.auth == "builtin") {
    sessions_ = std::make_unique<auth::Sessions>(*database_, auth_epoch_);
    device_grants_ = std::make_unique<auth::DeviceGrants>(*database_);
    JOEY_ASSIGN_OR_RETURN(signing_key_, auth::SigningKey::Open(data_->identity_key()));
    sign_in_ = std::make_unique<auth::SignIn>(*users_, *sessions_, *signing_key_);
    JOEY_ASSIGN_OR_RETURN(const bool has_administrator, users_->HasAdministrator());
    if (!has_administrator) setup_code_ = RandomHex(kSetupCodeBytes);
  }
  auth::TokenVerifier* verifier = sign_in_.get();
  if (options.auth == "oidc") {
    JOEY_ASSIGN_OR_RETURN(provider_, auth::Provider::Make(options.provider, *users_));
    verifier = provider_.get();
  }
  authenticator_ = std::make_unique<auth::Authenticator>(verifier, *api_tokens_, auth_epoch_);
  return {};
}

std::string ServerProcess::setup_link() const {
  if (setup_code_.empty()) return {};
  return url() + std::string(api::kSetupPath) + "?code=" + setup_code_;
}

std::string ServerProcess::url() const {
  if (!site_.public_url.empty()) return site_.public_url;
  return (site_.secure ? "https://" : "http://") + address().ToString();
}

api::Endpoints ServerProcess::SignInEndpoints() const {
  if (provider_ != nullptr) return api::ForeignSignInEndpoints(*provider_);
  if (sign_in_ == nullptr) return api::NoSignInEndpoints();
  const api::Identity identity{*users_,       *sessions_, *device_grants_, *sign_in_,
                               *signing_key_, site_,      setup_code_};
  api::Endpoints out = api::OidcEndpoints(identity);
  for (api::Endpoint& page : api::PageEndpoints(identity)) out.push_back(std::move(page));
  return out;
}

Status ServerProcess::MakeServices(const ServeOptions& options) {
  control::EngineSettings settings;
  settings.check_column = options.check_column;
  settings.strict_resources = options.strict_resources;
  settings.log_address_file = data_->address_file();
  settings.log_token = log_token_;
  settings.deployed_max = options.pipelines_max;
  settings.on_runtime = [this](std::string_view runtime) { plugins_.Fetch(runtime); };
  spool_recovery_ = std::make_unique<SpoolRecovery>(settings.log_address_file, settings.log_token);
  deployer_ = deploy::MakeLocalDeployer(
      {.run_directory = data_->run(),
       .spool_directory = data_->spool(),
       .on_spool_left = [recovery = spool_recovery_.get()](
                            std::string directory) { recovery->Add(std::move(directory)); },
       .pace = options.autoscale});
  access_ = std::make_unique<control::AccessControl>(*database_);
  connections_ = std::make_unique<control::Connections>(*database_, *secrets_);
  tags_ = std::make_unique<control::Tags>(*database_);
  inference_access_ = std::make_unique<control::InferenceAccess>(*database_);
  workspaces_ = std::make_unique<control::Workspaces>(
      *database_, [access = inference_access_.get()] { access->Forget(); });
  models_ = std::make_unique<control::Models>(*database_, *model_files_, settings.on_runtime);
  pipelines_ = std::make_unique<control::Pipelines>(*database_);
  deployments_ = std::make_unique<control::Deployments>(*database_, *model_files_, *deployer_,
                                                        std::move(settings));
  deployments_->ExpectResume();
  if (options.auth == "none") return workspaces_->EnsureDefaultUser();
  return {};
}

Result<http::ServerOptions> ServerProcess::HttpOptions(const HostPort& listen,
                                                       const ServeOptions& options) {
  http::ServerOptions http;
  http.listen = listen;
  http.io_threads = options.io_threads > 0
                        ? options.io_threads
                        : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
  http.worker_threads = limits::kApiThreads;
  http.allowed_hosts = options.allowed_hosts;
  if (!options.tls_certificate.empty()) {
    JOEY_ASSIGN_OR_RETURN(http.tls,
                          http::TlsContext::Load(options.tls_certificate, options.tls_key));
  }
  site_.secure = http.tls != nullptr;
  site_.behind_proxy = options.behind_proxy;
  site_.public_url = options.public_url;
  while (site_.public_url.ends_with('/')) site_.public_url.pop_back();
  if (!site_.public_url.empty()) {
    JOEY_RETURN_IF_ERROR(CheckPublicUrl(site_.public_url));
    http.allowed_hosts.push_back(HostOf(site_.public_url));
  }
  return http;
}

// Where engines send their logs: they speak plain HTTP and stay on this machine.
Result<std::string> ServerProcess::ListenForLogs() {
  if (!site_.secure) return server_->address().ToString();
  internal_server_ = std::make_unique<http::Server>(
      http::ServerOptions{.listen = {"127.0.0.1", 0}, .io_threads = 1, .worker_threads = 2});
  api_->AddInternalRoutes(*internal_server_);
  JOEY_RETURN_IF_ERROR(internal_server_->Start());
  return internal_server_->address().ToString();
}

Status ServerProcess::Listen(const HostPort& listen, const ServeOptions& options) {
  JOEY_ASSIGN_OR_RETURN(http::ServerOptions http, HttpOptions(listen, options));
  api_ = std::make_unique<api::Api>(
      api::Services{*access_, *workspaces_, *models_, *pipelines_, *deployments_, *connections_,
                    *tags_, *logs_, *users_, *api_tokens_},
      *authenticator_, SignInEndpoints(), api::ApiOptions{kVersion, data_->uploads(), log_token_});
  gateway_ = std::make_unique<gateway::Gateway>(*deployer_, *authenticator_, *inference_access_);

  server_ = std::make_unique<http::Server>(std::move(http));
  api_->AddRoutes(*server_);
  gateway_->AddRoutes(*server_);
  gateway_->Start(*server_);
  JOEY_RETURN_IF_ERROR(server_->Start());

  const std::string address = server_->address().ToString();
  // Before engines are started: they look here for where to send their logs.
  JOEY_ASSIGN_OR_RETURN(const std::string log_address, ListenForLogs());
  JOEY_RETURN_IF_ERROR(WriteFileAtomically(data_->address_file(), log_address));
  JOEY_RETURN_IF_ERROR(deployments_->Resume());
  gateway_->SetReady();
  api_->SetReady();
  if (!options.ready_file.empty()) {
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(options.ready_file, address, 0644));
  }
  return {};
}

void ServerProcess::Stop() {
  if (server_ == nullptr) return;
  // Engines first: their last logs come to this server, and its last inferences go to them.
  deployer_->Shutdown();
  spool_recovery_->Stop();
  plugins_.Stop();
  server_->Drain(limits::kServeDrainSecondsMax);
  ::unlink(data_->address_file().c_str());
  server_->Stop();
  if (internal_server_ != nullptr) internal_server_->Stop();
}

ServerProcess::~ServerProcess() { Stop(); }

}  // namespace joey::cli
