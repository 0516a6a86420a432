// TensorFlow's shared library as a plug-in, fetched when the first model needs it.
//
// It comes out of the pinned wheel of PyPI (or of the index that pip is configured for), whose
// SHA-256 is part of this program. Only the two libraries and their notices are unpacked, 850 MB.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"

namespace joey {

inline constexpr char kTensorFlowVersion[] = "2.21.0";

// $JOEY_TENSORFLOW_DIRECTORY, else a folder in $JOEY_CACHE (~/.cache/joey) named after version and
// digest.
Result<std::string> TensorFlowDirectory();

bool TensorFlowIsInstalled();

struct TensorFlowInstall {
  std::string wheel;                // this file instead of a download
  std::function<bool()> cancelled;  // asked several times a second; may be empty
};

// The directory with the libraries. Downloads and unpacks them when they are missing, or waits for
// the process or thread that does so already; a killed one leaves nothing that counts. With
// JOEY_OFFLINE=1 nothing is downloaded: kFailedPrecondition, as when pip fails.
Result<std::string> EnsureTensorFlow(const TensorFlowInstall& how = {});

}  // namespace joey
