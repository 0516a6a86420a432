#include "cli/server_process.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/files.h"
#include "base/limits.h"
#include "cli/version.h"
#include "deploy/local_deployer.h"
#include "http/listener.h"
#include "store/installation.h"
#include "store/schema.h"

namespace joey::cli {

Status ServerProcess::CheckListen(const HostPort& listen, const ServeOptions& options) {
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
  return FailedPrecondition("joey serve cannot listen on " + listen.ToString() +
                                ": passwords and tokens would cross the network in the clear",
                            kTunnel);
}

Result<std::unique_ptr<ServerProcess>> ServerProcess::Start(const ServeOptions& options,
                                                            UniqueFd& listener) {
  JOEY_ASSIGN_OR_RETURN(const HostPort listen, ParseHostPort(options.listen));
  JOEY_RETURN_IF_ERROR(CheckListen(listen, options));
  std::unique_ptr<ServerProcess> process(new ServerProcess());
  JOEY_RETURN_IF_ERROR(process->OpenStore(options));
  process->MakeIdentity(options);
  JOEY_RETURN_IF_ERROR(process->MakeServices(options));
  JOEY_RETURN_IF_ERROR(process->Listen(listen, options, listener));
  return process;
}

Status ServerProcess::OpenStore(const ServeOptions& options) {
  JOEY_ASSIGN_OR_RETURN(data_, DataDirectory::Open(options.data));
  const std::string metadata = options.metadata.empty() ? data_->database() : options.metadata;
  JOEY_ASSIGN_OR_RETURN(database_, Database::Open(metadata, MetadataMigrations()));
  JOEY_RETURN_IF_ERROR(CheckInstallation(*database_, *data_));
  JOEY_ASSIGN_OR_RETURN(model_files_, ModelFiles::Open(data_->models()));
  JOEY_ASSIGN_OR_RETURN(logs_, logs::LogStore::Open(data_->logs()));
  JOEY_ASSIGN_OR_RETURN(log_token_, data_->IngestToken());
  JOEY_ASSIGN_OR_RETURN(Secrets secrets, Secrets::Open(*database_, data_->secrets_key()));
  secrets_ = std::make_unique<Secrets>(std::move(secrets));
  return {};
}

void ServerProcess::MakeIdentity(const ServeOptions& options) {
  users_ = std::make_unique<auth::Users>(*database_, auth_epoch_, options.users_max);
  api_tokens_ = std::make_unique<auth::ApiTokens>(*database_, auth_epoch_);
  authenticator_ = std::make_unique<auth::Authenticator>(
      options.auth == "none" ? auth::Mode::kNone : auth::Mode::kBuiltin, *api_tokens_, auth_epoch_);
}

bool ServerProcess::needs_administrator() const {
  if (authenticator_->mode() != auth::Mode::kBuiltin) return false;
  const Result<bool> has = users_->HasAdministrator();
  return has.ok() && !*has;
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

Status ServerProcess::Listen(const HostPort& listen, const ServeOptions& options,
                             UniqueFd& listener) {
  api_ = std::make_unique<api::Api>(
      api::Services{*access_, *workspaces_, *models_, *pipelines_, *deployments_, *connections_,
                    *tags_, *logs_, *users_, *api_tokens_},
      *authenticator_, api::ApiOptions{kVersion, data_->uploads(), log_token_});
  gateway_ = std::make_unique<gateway::Gateway>(*deployer_, *authenticator_, *inference_access_);

  http::ServerOptions http;
  http.listen = listen;
  const bool took_over = listener.valid();
  const HostPort bound{listen.host, took_over ? http::PortOf(listener) : listen.port};
  http.listener = std::move(listener);
  http.io_threads = options.io_threads > 0
                        ? options.io_threads
                        : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
  http.worker_threads = limits::kApiThreads;
  server_ = std::make_unique<http::Server>(std::move(http));
  api_->AddRoutes(*server_);
  gateway_->AddRoutes(*server_);
  gateway_->Start(*server_);
  // Clients of a server that has taken over wait in its socket: they are let in when it knows all
  // that is deployed. Others are told that it is starting.
  if (took_over) JOEY_RETURN_IF_ERROR(Resume(bound));
  JOEY_RETURN_IF_ERROR(server_->Start());
  if (!took_over) JOEY_RETURN_IF_ERROR(Resume(server_->address()));
  const std::string address = server_->address().ToString();
  if (!options.ready_file.empty()) {
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(options.ready_file, address, 0644));
  }
  return {};
}

Status ServerProcess::Resume(const HostPort& address) {
  // Before engines are started: they look here for where to send their logs.
  JOEY_RETURN_IF_ERROR(WriteFileAtomically(data_->address_file(), address.ToString()));
  JOEY_RETURN_IF_ERROR(deployments_->Resume());
  gateway_->SetReady();
  api_->SetReady();
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
}

ServerProcess::~ServerProcess() { Stop(); }

}  // namespace joey::cli
