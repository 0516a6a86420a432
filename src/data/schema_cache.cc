#include "data/schema_cache.h"

#include <unordered_map>

namespace joey {

const std::shared_ptr<arrow::DataType>& ListOf(const std::shared_ptr<arrow::DataType>& element,
                                               ListFlavor flavor) {
  struct Entry {
    std::shared_ptr<arrow::DataType> element;  // keeps the key's address from being reused
    std::shared_ptr<arrow::DataType> list;
  };
  // Only Joey's own element types come here, so the tables stay small. Lists of a thread are not
  // shared with others: no lock is needed where requests are parsed.
  thread_local std::unordered_map<const arrow::DataType*, Entry> tables[2];
  Entry& entry = tables[static_cast<int>(flavor)][element.get()];
  if (entry.list == nullptr) {
    entry.element = element;
    entry.list = flavor == ListFlavor::kItem ? arrow::list(element)
                                             : arrow::list(arrow::field("inner", element, false));
  }
  return entry.list;
}

}  // namespace joey
