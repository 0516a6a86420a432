#include "http/router.h"

namespace joey::http {

namespace {

std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> out;
  path.remove_prefix(1);
  for (;;) {
    std::size_t slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

bool IsPlaceholder(std::string_view segment) { return !segment.empty() && segment.front() == '{'; }

bool Matches(const Route& route, const std::vector<std::string_view>& segments) {
  if (route.segments.size() != segments.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!IsPlaceholder(route.segments[i]) && route.segments[i] != segments[i]) return false;
  }
  return true;
}

}  // namespace

void Router::Add(std::string_view method, std::string_view pattern, Route route) {
  route.method = method;
  for (std::string_view segment : Split(pattern)) route.segments.emplace_back(segment);
  routes_.push_back(std::move(route));
}

Result<const Route*> Router::Match(Request& request) const {
  std::string_view target = request.target;
  std::string_view raw_path = target.substr(0, target.find('?'));
  auto path = PercentDecode(raw_path, false);
  if (!path || path->find('\0') != std::string::npos) {
    return InvalidArgument("the path has a broken percent escape");
  }
  request.path = std::move(*path);
  request.path_parameters.clear();
  const std::vector<std::string_view> segments = Split(raw_path);
  std::string other_methods;
  for (const Route& route : routes_) {
    if (!Matches(route, segments)) continue;
    if (route.method != request.method) {
      other_methods += (other_methods.empty() ? "" : ", ") + route.method;
      continue;
    }
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (!IsPlaceholder(route.segments[i])) continue;
      request.path_parameters.push_back(*PercentDecode(segments[i], false));
    }
    return &route;
  }
  if (!other_methods.empty()) {
    return Status(Code::kUnimplemented, request.path + " does not answer " + request.method,
                  "use " + other_methods);
  }
  return NotFound("there is nothing at " + request.path,
                  "GET /v1/api/openapi.json of joey serve lists the paths");
}

}  // namespace joey::http
