// The version of this joey.
#pragma once

namespace joey::cli {

inline constexpr char kVersion[] = JOEY_VERSION;

}  // namespace joey::cli
