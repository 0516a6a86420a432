// The entry of libjoey_postgresql.so.
#include "postgresql/connection.h"
#include "store/postgresql_plugin.h"

extern "C" __attribute__((visibility("default"))) joey::Connection* joey_open_postgresql(
    const std::string& url, joey::Status& status) {
  joey::Result<std::unique_ptr<joey::Connection>> opened = joey::postgresql::Open(url);
  if (opened.ok()) return opened->release();
  status = opened.status();
  return nullptr;
}
