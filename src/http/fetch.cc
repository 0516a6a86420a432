#include "http/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/limits.h"

namespace joey::http {

using nlohmann::json;

namespace {

constexpr std::size_t kDocumentBytesMax = 1 << 20;
constexpr long kSecondsMax = 10;

struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_setopt) setopt = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_getinfo) getinfo = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&curl_easy_strerror) strerror = nullptr;
};

// Null without libcurl on this machine.
const Curl* OpenCurl() {
  static const std::unique_ptr<const Curl> opened = []() -> std::unique_ptr<const Curl> {
    void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return nullptr;
    auto curl = std::make_unique<Curl>();
    bool found = true;
    const auto load = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(library, name));
      found = found && function != nullptr;
    };
    load(curl->global_init, "curl_global_init");
    load(curl->init, "curl_easy_init");
    load(curl->setopt, "curl_easy_setopt");
    load(curl->perform, "curl_easy_perform");
    load(curl->getinfo, "curl_easy_getinfo");
    load(curl->cleanup, "curl_easy_cleanup");
    load(curl->strerror, "curl_easy_strerror");
    if (!found || curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return nullptr;
    return curl;
  }();
  return opened.get();
}

std::size_t Append(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& text = *static_cast<std::string*>(to);
  if (text.size() + size * count > kDocumentBytesMax) return 0;  // ends the transfer
  text.append(bytes, size * count);
  return size * count;
}

Status Failed(const std::string& url, const std::string& why) {
  return Unavailable(url + ": " + why, "check the address and whether that server runs");
}

}  // namespace

Result<json> FetchJson(const std::string& url) {
  const Curl* curl = OpenCurl();
  if (curl == nullptr) {
    return FailedPrecondition("libcurl.so.4 is not installed", "install the package libcurl4");
  }
  const std::unique_ptr<CURL, decltype(curl->cleanup)> handle(curl->init(), curl->cleanup);
  std::string body;
  curl->setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl->setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl->setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl->setopt(handle.get(), CURLOPT_TIMEOUT, kSecondsMax);
  curl->setopt(handle.get(), CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl->setopt(handle.get(), CURLOPT_WRITEFUNCTION, Append);
  curl->setopt(handle.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl->perform(handle.get());
  if (code != CURLE_OK) return Failed(url, curl->strerror(code));
  long status = 0;
  curl->getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return Failed(url, "it answered " + std::to_string(status));
  if (DeeperThan(body, limits::kControlJsonDepthMax)) return Failed(url, "it nests too deep");
  json document = json::parse(body, nullptr, false);
  if (!document.is_object()) return Failed(url, "it answered no JSON object");
  return document;
}

}  // namespace joey::http
