#include "store/schema.h"

namespace joey {
namespace {

// Times are microseconds since 1970 UTC. Columns named *_json hold JSON texts.
constexpr Migration kMigrations[] = {
    {"first tables", R"sql(
CREATE TABLE user (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workspace (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL REFERENCES user(id),
  archived INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE workspace_user (
  workspace_id INTEGER NOT NULL REFERENCES workspace(id),
  user_id TEXT NOT NULL REFERENCES user(id),
  user_type TEXT NOT NULL CHECK (user_type IN ('OWNER', 'COLLABORATOR')),
  PRIMARY KEY (workspace_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_default_workspace (
  user_id TEXT PRIMARY KEY REFERENCES user(id),
  workspace_id INTEGER NOT NULL REFERENCES workspace(id)
) STRICT;

CREATE TABLE model (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  workspace_id INTEGER NOT NULL REFERENCES workspace(id),
  name TEXT NOT NULL,
  owner_id TEXT NOT NULL REFERENCES user(id),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, name)
) STRICT;

CREATE TABLE model_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model_id INTEGER NOT NULL REFERENCES model(id),
  version TEXT NOT NULL UNIQUE,
  sha TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  file_name TEXT NOT NULL,
  framework TEXT NOT NULL,
  arch TEXT NOT NULL,
  visibility TEXT NOT NULL,
  status TEXT NOT NULL,
  status_text TEXT NOT NULL,
  signature_json TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX model_version_model ON model_version(model_id);

CREATE TABLE model_config (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model_version_id INTEGER NOT NULL REFERENCES model_version(id),
  runtime TEXT NOT NULL,
  tensor_fields_json TEXT,
  filter_threshold REAL,
  input_schema TEXT,
  output_schema TEXT,
  batch_config TEXT,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX model_config_version ON model_config(model_version_id);

CREATE TABLE pipeline (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  workspace_id INTEGER NOT NULL REFERENCES workspace(id),
  name TEXT NOT NULL,
  owner_id TEXT NOT NULL REFERENCES user(id),
  visibility TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, name)
) STRICT;

CREATE TABLE pipeline_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pipeline_id INTEGER NOT NULL REFERENCES pipeline(id),
  version TEXT NOT NULL UNIQUE,
  definition_json TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pipeline_version_pipeline ON pipeline_version(pipeline_id);

-- The model configurations a pipeline version was last deployed with.
CREATE TABLE pipeline_version_config (
  pipeline_version_id INTEGER NOT NULL REFERENCES pipeline_version(id),
  position INTEGER NOT NULL,
  model_config_id INTEGER NOT NULL REFERENCES model_config(id),
  PRIMARY KEY (pipeline_version_id, position)
) STRICT, WITHOUT ROWID;

-- One per pipeline, kept over redeploys.
CREATE TABLE deployment (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pipeline_id INTEGER NOT NULL UNIQUE REFERENCES pipeline(id),
  deploy_id TEXT NOT NULL,
  deployed INTEGER NOT NULL,
  pipeline_version_id INTEGER NOT NULL REFERENCES pipeline_version(id),
  engine_config_json TEXT NOT NULL,
  generation INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
)sql"},
    {"identity", R"sql(
-- An empty password_hash: this user cannot sign in by password.
ALTER TABLE user ADD COLUMN username TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN password_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
UPDATE user SET username = email;
CREATE UNIQUE INDEX user_email ON user(email);
CREATE UNIQUE INDEX user_username ON user(username);

-- Secrets are random, so a plain digest of them cannot be turned back.
CREATE TABLE api_token (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES user(id),
  name TEXT NOT NULL,
  secret_sha TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE INDEX api_token_user ON api_token(user_id);

-- A sign-in, from which tokens are made. secret_sha is that of the cookie or of the refresh token.
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES user(id),
  kind TEXT NOT NULL CHECK (kind IN ('browser', 'client')),
  secret_sha TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_user ON session(user_id);

-- Sign-ins by device code that wait for somebody to confirm them in a browser.
CREATE TABLE device_grant (
  device_sha TEXT PRIMARY KEY,
  user_code TEXT NOT NULL UNIQUE,
  address TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied')),
  user_id TEXT REFERENCES user(id),
  created_at INTEGER NOT NULL,
  polled_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
)sql"},
    {"connections and tags", R"sql(
CREATE INDEX workspace_user_user ON workspace_user(user_id);

-- Which key secrets are encrypted with, as a fingerprint (store/secrets.h). One row.
CREATE TABLE secret_key (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  fingerprint TEXT NOT NULL
) STRICT;

CREATE TABLE connection (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  details_sealed TEXT NOT NULL,
  created_by TEXT NOT NULL REFERENCES user(id),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workspace_connection (
  id TEXT PRIMARY KEY,
  workspace_id INTEGER NOT NULL REFERENCES workspace(id),
  connection_id TEXT NOT NULL REFERENCES connection(id),
  UNIQUE (workspace_id, connection_id)
) STRICT;
CREATE INDEX workspace_connection_connection ON workspace_connection(connection_id);

CREATE TABLE tag (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tag TEXT NOT NULL,
  created_by TEXT NOT NULL REFERENCES user(id),
  created_at INTEGER NOT NULL,
  UNIQUE (created_by, tag)
) STRICT;

CREATE TABLE pipeline_tag (
  pipeline_id INTEGER NOT NULL REFERENCES pipeline(id),
  tag_id INTEGER NOT NULL REFERENCES tag(id),
  PRIMARY KEY (pipeline_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pipeline_tag_tag ON pipeline_tag(tag_id);

CREATE TABLE model_version_tag (
  model_version_id INTEGER NOT NULL REFERENCES model_version(id),
  tag_id INTEGER NOT NULL REFERENCES tag(id),
  PRIMARY KEY (model_version_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_version_tag_tag ON model_version_tag(tag_id);
)sql"},
    {"installation", R"sql(
-- One row: the data directory this database belongs to (store/installation.h).
CREATE TABLE installation (
  id TEXT PRIMARY KEY
) STRICT;
)sql"},
};

}  // namespace

std::span<const Migration> MetadataMigrations() { return kMigrations; }

}  // namespace joey
