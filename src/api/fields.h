// The keys of a JSON object as one table: what requests are checked by, what documents promise, and
// what the OpenAPI document says. One source, so that they cannot drift apart.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey::api {

enum class Type {
  kInteger,
  kNumber,
  kText,
  kUuid,
  kTime,
  kBoolean,
  kObject,     // any keys
  kTexts,      // list of texts
  kIntegers,   // list of integers
  kList,       // list of anything
  kDocument,   // the document named `document`
  kDocuments,  // a list of them
};

enum class Presence {
  kRequired,  // there, not null
  kNullable,  // there, may be null
  kOptional,  // may be missing or null
};

struct Field {
  const char* name;
  Type type;
  Presence presence = Presence::kRequired;
  const char* document = "";  // of kDocument and kDocuments
};

using Fields = std::vector<Field>;

// InvalidArgument naming the first key that is missing or of the wrong type and what was expected.
// Other keys are ignored.
Status CheckFields(const nlohmann::json& object, const Fields& fields);

// The JSON schema of an object with these keys.
nlohmann::json SchemaOf(const Fields& fields);

}  // namespace joey::api
