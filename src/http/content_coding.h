// Content-Encoding of request bodies and answers: gzip and zstd (RFC 9110 §8.4, RFC 8878).
#pragma once

#include <cstddef>

#include "base/status.h"
#include "http/message.h"

namespace joey::http {

// Whether the body of `request` is encoded.
bool IsEncoded(const Request& request);

// Replaces the body by what its Content-Encoding headers say was encoded; the headers stay. What
// it expands to is written piece by piece and given up at `bytes_max`, so that a small body cannot
// take more memory than a plain one may.
// kUnsupportedMediaType: another coding, or more than limits::kContentCodingsMax. kPayloadTooLarge:
// beyond `bytes_max`. kInvalidArgument: broken, cut off, or followed by something else. The body is
// then as it was. Takes milliseconds per megabyte: not for I/O threads.
Status DecodeBody(Request& request, std::size_t bytes_max);

// Compresses a good answer of at least limits::kCompressAnswerBytesMin as the request's body was
// compressed, if Accept-Encoding names that coding. Most clients send Accept-Encoding by default,
// also where compressing costs more than it saves; one that compresses its requests knows.
void EncodeAnswer(const Request& request, Response& response);

}  // namespace joey::http
