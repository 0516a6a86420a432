// Everything `joey serve` owns, started and ended in the right order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/api.h"
#include "api/forms.h"
#include "auth/authenticator.h"
#include "auth/device_grants.h"
#include "auth/provider.h"
#include "auth/sign_in.h"
#include "base/socket_address.h"
#include "cli/plugins.h"
#include "cli/spool_recovery.h"
#include "control/access.h"
#include "control/connections.h"
#include "control/deployments.h"
#include "control/inference_access.h"
#include "control/models.h"
#include "control/pipelines.h"
#include "control/tags.h"
#include "control/workspaces.h"
#include "deploy/deployer.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "logs/log_store.h"
#include "store/data_directory.h"
#include "store/database.h"
#include "store/model_files.h"
#include "store/secrets.h"

namespace joey::cli {

struct ServeOptions {
  std::string data = "./joey-data";
  std::string listen = "127.0.0.1:8080";
  std::string ready_file;
  std::string check_column = "anomaly";
  std::optional<std::int64_t> users_max;      // active at a time
  std::optional<std::int64_t> pipelines_max;  // deployed at a time
  int io_threads = 0;                         // 0: half of the CPUs
  bool strict_resources = false;
  deploy::AutoscalePace autoscale;
  std::string auth = "builtin";
  auth::ProviderOptions provider;  // of auth "oidc"
  std::string tls_certificate;
  std::string tls_key;
  bool behind_proxy = false;
  std::string public_url;
  std::vector<std::string> allowed_hosts;
};

class ServerProcess {
 public:
  // Listens, starts again what was deployed, and writes the address files last.
  static Result<std::unique_ptr<ServerProcess>> Start(const ServeOptions& options);
  ~ServerProcess();

  HostPort address() const { return server_->address(); }
  std::string url() const;  // how users reach it
  const std::string& data() const { return data_->root(); }
  // The link to the page that makes the first administrator; empty when there is one.
  std::string setup_link() const;

  // Stops accepting, lets requests finish, ends the engines.
  void Stop();

 private:
  ServerProcess() = default;
  Status OpenStore(const ServeOptions& options);
  Status MakeIdentity(const ServeOptions& options);
  api::Endpoints SignInEndpoints() const;
  Status MakeServices(const ServeOptions& options);
  Status Listen(const HostPort& listen, const ServeOptions& options);
  Result<http::ServerOptions> HttpOptions(const HostPort& listen, const ServeOptions& options);
  Result<std::string> ListenForLogs();

  // In the order of their dependencies: what is below uses what is above.
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<ModelFiles> model_files_;
  std::unique_ptr<SpoolRecovery> spool_recovery_;
  PluginFetcher plugins_;
  std::unique_ptr<logs::LogStore> logs_;
  std::string log_token_;
  std::unique_ptr<deploy::Deployer> deployer_;
  auth::Epoch auth_epoch_;
  std::unique_ptr<auth::Users> users_;
  std::unique_ptr<auth::ApiTokens> api_tokens_;
  std::unique_ptr<auth::Sessions> sessions_;
  std::unique_ptr<auth::DeviceGrants> device_grants_;
  std::unique_ptr<auth::SigningKey> signing_key_;
  std::unique_ptr<auth::SignIn> sign_in_;
  std::unique_ptr<auth::Provider> provider_;
  api::Site site_;
  std::string setup_code_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<Secrets> secrets_;
  std::unique_ptr<control::AccessControl> access_;
  std::unique_ptr<control::InferenceAccess> inference_access_;
  std::unique_ptr<control::Workspaces> workspaces_;
  std::unique_ptr<control::Models> models_;
  std::unique_ptr<control::Pipelines> pipelines_;
  std::unique_ptr<control::Deployments> deployments_;
  std::unique_ptr<control::Connections> connections_;
  std::unique_ptr<control::Tags> tags_;
  std::unique_ptr<api::Api> api_;
  // Log rows of engines come in here when the other server speaks TLS.
  std::unique_ptr<http::Server> internal_server_;
  std::unique_ptr<http::Server> server_;
  // Its kept connections live on the server's executors, so it goes first, after Stop().
  std::unique_ptr<gateway::Gateway> gateway_;
};

}  // namespace joey::cli
