// A member's status page: numbers in shared memory that it writes and the coordinator reads without asking, even when
// the member's loop is blocked. Every number is a float64 and has one writer. src/cluster/status.h has the same places
// for the executor's threads.
'use strict';

const kPageSize = 4096; // numbers
const kMaxContexts = 16;

// Places of the process. The comment names the writer.
const kPid = 0; // JavaScript
const kLoopBeat = 1; // JavaScript: when its loop last turned, ms of CLOCK_MONOTONIC
const kExecutorBeat = 2; // executor: when it last was awake
const kLoopLag = 3; // JavaScript: how late its last timer was, ms
const kDraining = 4; // JavaScript: 1 once it takes no more jobs

// Places of context n, from contextAt(n).
const kContexts = 64,
  kContextSize = 40;
const kState = 0; // JavaScript: one of kStates
const kType = 1; // JavaScript: index into kBackends
const kLocalPending = 2; // JavaScript: jobs its own client has running there
const kLocalRun = 3; // JavaScript: jobs its own client has run there
const kLastUsedLocal = 4; // JavaScript: ms
const kSelfTest = 5; // JavaScript: when its self-test last passed, ms; 0 never
const kUsedBytes = 6; // JavaScript
const kReservedBytes = 7; // JavaScript
const kLimitBytes = 8; // JavaScript
const kGpuUtilization = 9; // JavaScript: 0..1 of its card, NaN unknown
const kGpuUsedBytes = 10; // JavaScript: of its card, all processes
const kGpuTotalBytes = 11; // JavaScript
const kRemotePending = 16; // executor: jobs of the coordinator there
const kRemoteRun = 17; // executor: jobs it has finished
const kProgress = 18; // executor: when a job last started or ended there, ms
const kLost = 19; // executor: 1 once its device was lost
const kStarted = 20; // executor: numbers of jobs begun and not finished, 0 in free places
const kStartedCount = 12;
const kPrograms = 32; // JavaScript: compiled programs it holds
const kProgramBytes = 33; // JavaScript
const kProgramHits = 34; // JavaScript: times that a job's program was there, since the start; it only grows
const kProgramMisses = 35; // JavaScript: times that it had to be made
const kCompileMs = 36; // JavaScript: what making them took

// Counters of what the member's own client did without the coordinator: lib/metrics/metrics.js says what is where.
const kMetrics = 1024;

const kStates = ['none', 'starting', 'ready', 'lost', 'closed'];

/** @param {number} n */
function contextAt(n) {
  return kContexts + n * kContextSize;
}

module.exports = {
  kPageSize,
  kMaxContexts,
  kPid,
  kLoopBeat,
  kExecutorBeat,
  kLoopLag,
  kDraining,
  kState,
  kType,
  kLocalPending,
  kLocalRun,
  kLastUsedLocal,
  kSelfTest,
  kUsedBytes,
  kReservedBytes,
  kLimitBytes,
  kGpuUtilization,
  kGpuUsedBytes,
  kGpuTotalBytes,
  kRemotePending,
  kRemoteRun,
  kProgress,
  kLost,
  kStarted,
  kStartedCount,
  kPrograms,
  kProgramBytes,
  kProgramHits,
  kProgramMisses,
  kCompileMs,
  kMetrics,
  kStates,
  contextAt,
};
