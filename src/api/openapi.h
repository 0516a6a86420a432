// The OpenAPI document, made from the endpoints that are registered.
#pragma once

#include <string>

#include "api/endpoint.h"

namespace joey::api {

std::string OpenApiDocument(const Endpoints& endpoints, std::string_view version);

}  // namespace joey::api
