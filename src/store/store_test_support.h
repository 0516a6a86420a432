// Where a test keeps its metadata: in SQLite, or in a new schema of the PostgreSQL database that
// JOEY_TEST_METADATA names (scripts/with_postgresql.py).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/random.h"
#include "store/database.h"

namespace joey {

inline constexpr std::string_view kTestSchemaOption = "options=-csearch_path%3D";

inline void RunOnTestServer(const std::string& sql) {
  auto database = Database::OpenAsItIs(std::getenv("JOEY_TEST_METADATA"));
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  const Status status = (*database)->Write([&](Connection& c) { return c.Script(sql); });
  ASSERT_TRUE(status.ok()) << status.ToString();
}

inline std::string TestMetadata(const std::string& directory) {
  const char* const server = std::getenv("JOEY_TEST_METADATA");
  if (server == nullptr || !IsPostgresql(server)) return directory + "/joey.db";
  const std::string schema = "test_" + RandomHex(6);
  RunOnTestServer("CREATE SCHEMA " + schema);
  const std::string url = server;
  return url + (url.find('?') == std::string::npos ? '?' : '&') + std::string(kTestSchemaOption) +
         schema;
}

inline void DropTestMetadata(const std::string& location) {
  if (!IsPostgresql(location)) return;
  const std::size_t schema = location.rfind('=') + 1;
  RunOnTestServer("DROP SCHEMA " + location.substr(location.find("%3D", schema - 1) + 3) +
                  " CASCADE");
}

}  // namespace joey
