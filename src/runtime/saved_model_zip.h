// The zip archive that a SavedModel is uploaded as: saved_model.pb and variables/ at its top or in
// a folder. Refused with what was expected instead (kInvalidArgument): archives that are no
// SavedModel or lack some of its files, and what base/zip.h refuses.
#pragma once

#include <string>

#include "runtime/tensorflow_inspect.h"

namespace joey {

// Every file is unpacked and its checksum compared, nothing is kept.
Result<SavedModel> InspectSavedModelZip(const std::string& path);

// Unpacks the model into the existing `directory`, so that `directory`/saved_model.pb is there.
Status ExtractSavedModelZip(const std::string& path, const std::string& directory);

}  // namespace joey
