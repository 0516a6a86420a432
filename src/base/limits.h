// Every limit of Joey, with its unit in its name. docs/LIMITS.md lists them; a test compares both.
#pragma once

#include <cstddef>
#include <cstdint>

namespace joey::limits {

// HTTP
inline constexpr std::size_t kHeaderBytesMax = 32 * 1024;
inline constexpr std::size_t kHeaderCountMax = 128;
inline constexpr std::size_t kTargetBytesMax = 8 * 1024;
inline constexpr std::size_t kControlBodyBytesMax = 4 << 20;  // JSON documents of the API
inline constexpr std::size_t kInferBodyBytesMax = std::size_t{1} << 30;  // one inference request
inline constexpr std::size_t kModelBytesMax = std::size_t{8} << 30;      // one uploaded model
inline constexpr std::size_t kContentCodingsMax = 2;  // one body compressed so often
inline constexpr std::size_t kCompressAnswerBytesMin =
    4 * 1024;                                   // smaller answers stay as they are
inline constexpr int kHeaderSecondsMax = 10;    // to receive one request's header
inline constexpr int kBodyIdleSecondsMax = 30;  // without a byte of a request's body
inline constexpr int kWriteIdleSecondsMax = 60;
inline constexpr int kKeepAliveIdleSecondsMax = 120;
inline constexpr int kConnectionsMax = 10000;

// Inference data
inline constexpr int kJsonDepthMax = 16;           // nesting of one cell, record and array included
inline constexpr std::size_t kColumnsMax = 10000;  // of one request
inline constexpr std::int64_t kRowsMax = std::int64_t{1} << 24;  // of one request
inline constexpr std::size_t kOipDimensionsMax = 8;              // of one OIP tensor
// All requests of an engine together.
inline constexpr std::int64_t kArrowUnpackedBytesMax = std::int64_t{2} << 30;

// Validations
inline constexpr std::size_t kExpressionBytesMax = 1 << 20;  // JSON of one validation
inline constexpr std::size_t kExpressionDepthMax = 500;      // its nesting of brackets
inline constexpr std::size_t kExpressionNodesMax = 1000;     // its operations

// Control plane
inline constexpr int kApiThreads = 8;                  // of joey serve, for requests of the API
inline constexpr int kServeDrainSecondsMax = 30;       // for running requests when joey serve ends
inline constexpr int kDatabaseReadersMax = 8;          // connections that read at the same time
inline constexpr std::size_t kNameBytesMax = 63;       // of a model, pipeline or workspace
inline constexpr std::size_t kFileNameBytesMax = 255;  // of an uploaded file, for display only
inline constexpr std::size_t kMultipartPartsMax = 8;   // of one upload
inline constexpr std::size_t kMultipartHeaderBytesMax = 8 * 1024;  // of one part
inline constexpr std::size_t kUploadMetadataBytesMax = 1 << 20;    // the part `metadata`
inline constexpr std::size_t kControlJsonDepthMax = 64;            // nesting of a control document
inline constexpr std::size_t kStepsMax = 100;                      // of one pipeline
inline constexpr std::size_t kStepModelsMax = 100;                 // of one step
inline constexpr std::int64_t kReplicasMax = 256;                  // of one deployment

// Model files
inline constexpr std::size_t kModelIoMax = 10000;       // inputs or outputs of a model
inline constexpr std::size_t kModelDimensionsMax = 64;  // of one tensor
inline constexpr int kOnnxGraphDepthMax = 32;           // graphs inside graphs
// A sparse initializer made dense.
inline constexpr std::int64_t kOnnxSparseBytesMax = std::int64_t{1} << 30;
inline constexpr std::size_t kZipNameBytesMax = 1024;  // of one file in a zip archive
inline constexpr std::size_t kModelZipFilesMax = 10000;
inline constexpr std::int64_t kModelZipBytesMax = std::int64_t{16} << 30;        // unpacked
inline constexpr std::int64_t kSavedModelGraphBytesMax = std::int64_t{2} << 30;  // saved_model.pb

// Plug-ins
inline constexpr int kPluginInstallSecondsMax = 1800;  // to download and unpack one

// Engine
inline constexpr std::size_t kInlineBodyBytesMax = 64 * 1024;   // run on the I/O thread
inline constexpr std::uint64_t kInlineRunNanosMax = 1'000'000;  // mean model time to do so
inline constexpr int kGrpcThreadsMax = 64;            // calls of an engine at the same time
inline constexpr std::size_t kFlightStreamsMax = 64;  // of an engine, open at the same time
inline constexpr int kComputeQueueMax = 1024;         // requests waiting for or on compute threads
inline constexpr int kDrainSecondsMax = 30;           // for running requests at shutdown
inline constexpr int kLogFlushSecondsMax = 5;         // to hand logs over at shutdown

// Requests that run together
inline constexpr std::int64_t kBatchRowsMax = 64;        // of one batch
inline constexpr std::size_t kBatchBytesMax = 16 << 20;  // of its inputs
inline constexpr int kWaitingThreadsMax = 32;            // small requests of slow models

// Shadow models
inline constexpr std::uint64_t kShadowInlineNanosMax = 100'000;  // then it runs beside the champion
inline constexpr int kShadowWaitMillis = 25;  // for challengers, or as long as the champion took
inline constexpr int kShadowRunningMax = 8;  // runs of one challenger at a time, others are skipped

// Python steps and other workers
inline constexpr std::size_t kPythonScriptBytesMax = 4 << 20;
inline constexpr int kPythonStepSecondsMax = 10;     // for one request, unless configured
inline constexpr int kWorkerStartSecondsMax = 60;    // until a worker is ready
inline constexpr int kWorkerBackOffSecondsMax = 30;  // between two starts of one that keeps failing
inline constexpr std::int64_t kWorkerMemoryBytesMax = std::int64_t{2} << 30;  // unless configured
// Of a frame to or from a worker; larger ones go through shared memory, then in a memory file.
inline constexpr std::size_t kWorkerInlineBytesMax = 8 << 10;
inline constexpr std::size_t kWorkerAreaBytes = 32 << 20;
inline constexpr std::size_t kWorkerFrameBytesMax = std::size_t{1} << 30;
inline constexpr std::size_t kWorkerErrorBytesMax = 32 << 10;  // of an error that a worker reports
inline constexpr std::size_t kWorkerLineBytesMax = 8 << 10;    // of printed text; then it is split
inline constexpr int kWorkerLinesPerSecondMax = 1000;          // of printed text

// Inference logs, at the engine
inline constexpr std::size_t kSpoolSegmentBytes = 16 << 20;          // one file of the spool
inline constexpr std::size_t kSpoolBytesMax = std::size_t{4} << 30;  // all of them
inline constexpr std::size_t kSpoolFrameBytes = 8 << 20;             // then it is split
inline constexpr std::int64_t kSpoolFrameRows = 1 << 16;             // of one frame
inline constexpr std::size_t kSpoolRowBytesMax = 48 << 20;           // of one row
inline constexpr std::size_t kSpoolSchemasMax = 256;                 // of one segment
inline constexpr std::size_t kLogBatchBytes = 8 << 20;               // shipped at once, about
inline constexpr int kLogShipMillis = 100;         // between two looks for new rows
inline constexpr int kLogBackOffMillisMax = 2000;  // while joey serve is away
inline constexpr int kLogShipSecondsMax = 30;      // for an acknowledgement

// Local deployer
inline constexpr int kEngineStartSecondsMax = 120;  // from its start until an engine is ready
inline constexpr std::uintmax_t kEngineLogBytesMax = 16 << 20;  // then engine.log is rotated
inline constexpr int kOrphanSecondsMax = 600;        // an engine outlives a killed joey serve
inline constexpr int kSpoolRecoverySecondsMax = 30;  // to ship one spool of an ended engine

// Gateway
inline constexpr std::size_t kGatewayBufferedBodyBytesMax = 64 * 1024;  // sent with its head
inline constexpr std::size_t kGatewayIdleConnectionsMax = 256;          // per engine and I/O thread
inline constexpr std::size_t kGatewayTriesMax = 3;  // engines tried while nothing was sent
inline constexpr int kInferSecondsMax = 900;        // for an engine's answer to begin

// Log store
inline constexpr std::size_t kLogAppendBytesMax = 64 << 20;     // body of one append
inline constexpr std::uint64_t kLogSegmentBytesMax = 64 << 20;  // then a new file begins
inline constexpr std::size_t kLogTopicBytesMax = 120;           // name of a topic
inline constexpr std::size_t kLogSourceBytesMax = 64;           // name of a sender
inline constexpr std::size_t kLogColumnsMax = 20000;            // of one append
inline constexpr std::int64_t kLogAnswerBytesMax = 256 << 10;   // values of one page, unpacked
// Rows of all appends and queries together, unpacked.
inline constexpr std::int64_t kLogUnpackedBytesMax = std::int64_t{1} << 30;

}  // namespace joey::limits
