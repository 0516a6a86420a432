// Arrow IPC in and out: untrusted request bodies to one record batch, tables to response parts.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey {

inline constexpr std::string_view kArrowFileType = "application/vnd.apache.arrow.file";
inline constexpr std::string_view kArrowStreamType = "application/vnd.apache.arrow.stream";

// Reads an IPC file or stream whose bytes `owner` keeps alive; the columns borrow them. Several
// batches are joined, fixed-size lists become lists. Everything is validated first, so that no
// later code meets an offset outside its buffer. Errors (kInvalidArgument) say what is wrong:
// broken or truncated file, no rows or columns, nulls, types that are not accepted (see F15), more
// rows than limits::kRowsMax, buffers that would unpack to more than
// limits::kArrowUnpackedBytesMax.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeArrow(std::shared_ptr<const void> owner,
                                                        std::string_view bytes);

// The same checks for a batch that came another way, and the same form of its lists.
Result<std::shared_ptr<arrow::RecordBatch>> AcceptArrowBatch(
    std::shared_ptr<arrow::RecordBatch> batch);

// What all bodies together may unpack to, limits::kArrowUnpackedBytesMax unless set here. To be
// called before the first DecodeArrow().
void LimitUnpackedArrow(std::int64_t bytes);

// Bytes of an encoded table, in order; large column buffers are borrowed, not copied.
struct ArrowPart {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};
Result<std::vector<ArrowPart>> EncodeArrowFile(const arrow::RecordBatch& batch);
// The same as an IPC stream.
Result<std::vector<ArrowPart>> EncodeArrowStream(const arrow::RecordBatch& batch);

// The two messages that an IPC stream of one batch consists of, the end marker left out. Each is a
// multiple of eight bytes long.
Result<std::string> EncodeArrowSchema(const arrow::Schema& schema);
Result<std::vector<ArrowPart>> EncodeArrowBatch(const arrow::RecordBatch& batch);

}  // namespace joey
