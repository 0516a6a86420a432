// The table of routes: method and path pattern to handler.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace joey::http {

struct Route {
  std::string method;
  std::vector<std::string> segments;  // "{…}" for a placeholder
  Handler handler;                    // exactly one of the three is set
  AsyncHandler async_handler;
  StreamHandler stream_handler;
  RouteOptions options;
};

class Router {
 public:
  void Add(std::string_view method, std::string_view pattern, Route route);

  // The route of `request.method` and `request.target`; fills `path` and `path_parameters`.
  // kNotFound for an unknown path, kInvalidArgument for a broken escape, kUnimplemented for a known
  // path with another method (the message names the methods that exist).
  Result<const Route*> Match(Request& request) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace joey::http
