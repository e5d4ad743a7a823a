// The protocol: every message between the processes of a cluster, with its direction and its shape (codec.js writes and
// checks them). Jobs travel as numbers, in the places that src/cluster/message.h and binding/requested_jobs.h name; the rest
// is said in words (JSON), and a handshake goes over Node's own channel.
'use strict';
const { Buffer } = require('node:buffer');
const { kCodes, codeNumber, kKinds } = require('../../addon');
const { layout } = require('../../call');
const { kBackends, kContextTypes, kErrorDetails } = require('../../core');
const {
  anything,
  string,
  flag,
  number,
  integer,
  count,
  isObject,
  oneOf,
  optional,
  listOf,
  tableOf,
  object,
} = require('./shapes');

/**
 * @template T
 * @typedef {import('./shapes').Kind<T>} Kind
 */
/**
 * @template T
 * @typedef {import('./shapes').Shape<T>} Shape
 */
/**
 * @template T
 * @typedef {import('./shapes').Fields<T>} Fields
 */
/** @typedef {import('./shapes').NumbersShape} NumbersShape */

/** Counted up with every change of a message: processes that differ in it don't join each other. */
const kProtocol = 2;

const kHello = 1,
  kRegion = 2,
  kDrop = 3,
  kAsk = 4,
  kResult = 5,
  kAssign = 6,
  kDone = 7,
  kCancel = 8,
  kText = 9,
  kBye = 11,
  kCopied = 12;

// An ask, from the message's start.
const kResident = 18,
  kAfterResident = kResident + layout.maxTensors;
const ask = {
  number: 2,
  priority: 3,
  deadline: 4,
  kind: 5,
  contextType: 6,
  affinity: 7,
  retries: 8,
  flags: 9,
  workload: 10,
  flops: 11,
  bytes: 12,
  joinKey: 13,
  digest: 14,
  resident: kResident,
  outputs: kAfterResident,
  memory: kAfterResident + 1,
  own: kAfterResident + 2,
  body: kAfterResident + 3,
};
const kCacheFlag = 1;
const done = {
  number: 2,
  code: 3,
  batch: 4,
  switch: 5,
  upload: 6,
  compute: 7,
  readback: 8,
  context: 9,
  textBytes: 10,
  text: 11,
};
// `started`: when the coordinator gave it to its context, ms. A result, from the message's start: an error as
// JSON follows, as in `done`, or with `shared` the places where an equal job has put its outputs.
const result = {
  number: 2,
  code: 3,
  batch: 4,
  switch: 5,
  upload: 6,
  compute: 7,
  readback: 8,
  member: 9,
  context: 10,
  started: 11,
  attempts: 12,
  cached: 13,
  shared: 14,
  textBytes: 15,
  text: 16,
};
const assign = { context: 2, decided: 3, count: 4, jobs: 5 };

/**
 * The text that stands in a message's numbers.
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {number} bytes
 */
function readText(numbers, at, bytes) {
  return Buffer.from(numbers.buffer, numbers.byteOffset + at * 8, bytes).toString('utf8');
}

/**
 * A message of `length` numbers whose text follows them; textAt - 1 gets the text's bytes.
 * @param {number} type
 * @param {number} textAt
 * @param {string} text
 */
function withText(type, textAt, text) {
  const bytes = Buffer.from(text, 'utf8');
  const numbers = new Float64Array(textAt + Math.ceil(bytes.length / 8));
  numbers[0] = numbers.length;
  numbers[1] = type;
  numbers[textAt - 1] = bytes.length;
  Buffer.from(numbers.buffer).set(bytes, textAt * 8);
  return numbers;
}

// ---- messages in words

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/** @typedef {import('../../index').ManagerEvents} ManagerEvents */
/** @typedef {import('../../core/errors').ErrorCode} ErrorCode */
/**
 * A context that a process is to open.
 * @typedef {object} PlannedContext
 * @property {number} index its place in the process's status page
 * @property {string} id
 * @property {string} device
 * @property {number} memoryLimit bytes
 * @property {number} [threads] of a CPU context
 */
/**
 * A context of the cluster: what contexts() gives, and what a result is told apart by.
 * @typedef {import('../../index').ContextInfo & { member: number, index: number, deviceName: string, software: boolean,
 *   canDraw: boolean }} ContextEntry
 */
/** @typedef {import('../../core/errors').ErrorFields} WireError */
/**
 * @typedef {{ region: number, block: number, generation: number, bytes: number, shape: number[], dtype: string }}
 *   TensorHandle
 */
/**
 * The sources of a program as JSON: `spirv` in base64.
 * @typedef {object} WireSources
 * @property {'kernel'|'shader'} kind
 * @property {string} name
 * @property {string} [glsl]
 * @property {string} [spirv]
 * @property {string} [cuda]
 * @property {string[]} [bindings]
 * @property {string} [vertex]
 * @property {string} [fragment]
 */
/**
 * What is asked of the coordinator beside jobs and programs: memory is that of one device.
 * @typedef {{ what: 'metrics' } | { what: 'health' } | { what: 'prometheus' } | { what: 'memory', device: string }}
 *   Report
 */
/** @typedef {'worker-ready'|'worker-lost'|'context-lost'|'memory-pressure'} ClusterEventName */
/**
 * An event that every manager of the cluster gives its listeners.
 * @template {ClusterEventName} [Name=ClusterEventName]
 * @typedef {Name extends ClusterEventName ? { type: 'event', name: Name, event: ManagerEvents[Name][0] } : never}
 *   EventMessage
 */

/**
 * Coordinator -> a process's event loop:
 * - welcome: the first; `page` is the region of its status page
 * - plan: the contexts it is to open, one after the other where one of them may end the process (`cautious`)
 * - contexts: those of the whole cluster, ahead of any result that names one
 * - event: see EventMessage
 * - answer, answer-error: to its 'program' or 'query' with that id
 * - reopen: tries once more to open the context; give-up: a job there never ends, nothing more runs in it
 * - trim: gives unused memory back
 * - compile: in this process; program-taken: the coordinator has the outcome, its memory may go
 * - end: the process is to end by itself, soon
 * - bye: the end of the connection is meant; with a reason, this process was not understood and leaves the cluster
 * @typedef {{ type: 'welcome', page: number, workerId: number }
 *   | { type: 'plan', contexts: PlannedContext[], cautious: boolean }
 *   | { type: 'contexts', entries: ContextEntry[] }
 *   | EventMessage
 *   | { type: 'answer', id: number, answer: unknown }
 *   | { type: 'answer-error', id: number, error: WireError }
 *   | { type: 'reopen', index: number }
 *   | { type: 'give-up', index: number }
 *   | { type: 'trim' }
 *   | { type: 'compile', number: number, request: WireSources }
 *   | { type: 'program-taken', number: number }
 *   | { type: 'end', reason: string }
 *   | { type: 'bye', reason?: string }} ToMember
 */
/**
 * A process's event loop -> coordinator:
 * - devices: what it has found; the answer is its plan
 * - context: one of the plan is ready; context-failed: could not be opened; context-lost: its device was lost;
 *   context-stuck: a job there does not stop
 * - ready: every context of the plan was tried
 * - cleanup: every process is to give unused memory back
 * - leaving: it takes no more jobs; with a reason, because it did not understand the coordinator
 * - program: have these sources compiled, once for all who ask with this key
 * - compiled, compile-failed: the outcome of 'compile' with that number; program-problems: of the folder on disk
 * - program-uses: times each program was used since the last such message
 * - query: a report
 * @typedef {{ type: 'devices', devices: DeviceInfo[] }
 *   | { type: 'context', index: number, id: string, device: DeviceInfo }
 *   | { type: 'context-failed', index: number, id: string, device: string, error: WireError }
 *   | { type: 'context-lost', index: number, message?: string }
 *   | { type: 'context-stuck', index: number, id: string }
 *   | { type: 'ready' }
 *   | { type: 'cleanup' }
 *   | { type: 'leaving', reason?: string }
 *   | ProgramMessage
 *   | CompiledMessage
 *   | CompileFailedMessage
 *   | { type: 'program-problems', problems: string[] }
 *   | { type: 'program-uses', uses: Record<string, number> }
 *   | QueryMessage} ToCoordinator
 */
/** @typedef {{ type: 'program', id: number, key: string, request: WireSources }} ProgramMessage */
/** @typedef {{ type: 'query', id: number, report: Report }} QueryMessage */
/**
 * `tensor`: where the program's bytes lie; `ms` it took; `problems`: of the folder on disk.
 * @typedef {{ type: 'compiled', number: number, tensor: TensorHandle, id: string, ms: number, fromDisk: boolean,
 *   problems: string[] }} CompiledMessage
 */
/** @typedef {{ type: 'compile-failed', number: number, error: WireError }} CompileFailedMessage */
/** @typedef {{ tensor: TensorHandle, id: string, ms: number, problems: string[] }} CompiledProgram */
/**
 * The answer to 'program': `cache` goes to whoever asked first.
 * @typedef {CompiledProgram &
 *   { cached: 'cluster'|'disk'|false, cache?: { cacheHitRate: number, memoryUsage: number } }} ProgramAnswer
 */
/**
 * Over Node's own channel, where other messages are the application's. A worker says hello until it is welcomed or
 * refused.
 * @typedef {{ type: 'switchyard:hello', version: string, protocol?: number }} Hello worker -> primary
 * @typedef {{ type: 'switchyard:welcome', address: string, key: number[], slot: number }} Welcome primary -> worker
 * @typedef {{ type: 'switchyard:refused', reason: string, code?: string }} Refused primary -> worker
 */

/** @type {Record<string, Kind<any>>} */
const kinds = { string, number };
/** @type {Kind<WireError>} */
const error = object(
  /** @type {Fields<WireError>} */ ({
    code: string,
    message: string,
    ...Object.fromEntries(Object.entries(kErrorDetails).map(([name, type]) => [name, optional(kinds[type])])),
  }),
);
const sources = object(
  /** @type {Fields<WireSources>} */ ({
    kind: oneOf(['kernel', 'shader']),
    name: string,
    glsl: optional(string),
    spirv: optional(string),
    cuda: optional(string),
    bindings: optional(listOf(string)),
    vertex: optional(string),
    fragment: optional(string),
  }),
);
const backend = oneOf(kBackends);
/** @type {Kind<DeviceInfo>} what the coordinator reads of it */
const device = object(
  /** @type {Partial<Fields<DeviceInfo>>} */ ({
    id: string,
    backend,
    name: string,
    type: oneOf(['discrete', 'integrated', 'virtual', 'cpu']),
    memory: object({ total: number, free: number }),
    computeUnits: number,
    features: /** @type {Kind<DeviceInfo['features']>} */ (object({ graphics: flag })),
  }),
);
/** @type {Kind<PlannedContext>} */
const planned = object({ index: count, id: string, device: string, memoryLimit: number, threads: optional(count) });
/** @type {Kind<ContextEntry>} */
const entry = object({
  id: string,
  workerId: integer,
  contextType: backend,
  device: string,
  state: oneOf(['idle', 'busy', 'lost', 'starting']),
  isActive: flag,
  lastUsed: number,
  memoryUsage: number,
  memoryLimit: number,
  shaderCount: number,
  jobsRun: number,
  member: count,
  index: count,
  deviceName: string,
  software: flag,
  canDraw: flag,
});
/** @type {{ [Name in ClusterEventName]: Kind<ManagerEvents[Name][0]> }} */
const events = {
  'worker-ready': object({ workerId: integer, pid: count, contexts: listOf(string) }),
  'worker-lost': object({ workerId: integer, pid: count, reason: string }),
  'context-lost': object({ contextId: string, workerId: integer, message: string }),
  'memory-pressure': object({
    contextId: string,
    workerId: integer,
    memoryUsage: number,
    memoryLimit: number,
    utilization: number,
  }),
};
const reports = /** @type {const} */ (['metrics', 'health', 'prometheus', 'memory']);
/** @type {Kind<Report>} */
const report = /** @type {Kind<any>} */ (
  (value) => isObject(value) && oneOf(reports)(value.what) && (value.what !== 'memory' || string(value.device))
);

/** @typedef {{ [Type in ToMember['type']]: Shape<Extract<ToMember, { type: Type }>> }} MemberShapes */
/** @type {Omit<MemberShapes, 'event'> & { event: { name: Kind<ClusterEventName>, event: Kind<object> } }} */
const toMember = {
  welcome: { page: count, workerId: integer },
  plan: { contexts: listOf(planned), cautious: flag },
  contexts: { entries: listOf(entry) },
  event: { name: oneOf(/** @type {ClusterEventName[]} */ (Object.keys(events))), event: isObject },
  answer: { id: count, answer: anything },
  'answer-error': { id: count, error },
  reopen: { index: count },
  'give-up': { index: count },
  trim: {},
  compile: { number: count, request: sources },
  'program-taken': { number: count },
  end: { reason: string },
  bye: { reason: optional(string) },
};
/** @type {{ [Type in ToCoordinator['type']]: Shape<Extract<ToCoordinator, { type: Type }>> }} */
const toCoordinator = {
  devices: { devices: listOf(device) },
  context: { index: count, id: string, device },
  'context-failed': { index: count, id: string, device: string, error },
  'context-lost': { index: count, message: optional(string) },
  'context-stuck': { index: count, id: string },
  ready: {},
  cleanup: {},
  leaving: { reason: optional(string) },
  program: { id: count, key: string, request: sources },
  compiled: {
    number: count,
    tensor: /** @type {Kind<TensorHandle>} */ (isObject), // checked as it is opened
    id: string,
    ms: number,
    fromDisk: flag,
    problems: listOf(string),
  },
  'compile-failed': { number: count, error },
  'program-problems': { problems: listOf(string) },
  'program-uses': { uses: tableOf(number) },
  query: { id: count, report },
};
/** @type {{ [Type in (Hello|Welcome|Refused)['type']]: Shape<Extract<Hello|Welcome|Refused, { type: Type }>> }} */
const handshake = {
  'switchyard:hello': { version: string, protocol: optional(number) },
  'switchyard:welcome': { address: string, key: listOf(number), slot: count },
  'switchyard:refused': { reason: string, code: optional(string) },
};

// ---- messages in numbers

/** @type {NumbersShape} */
const kTextShape = { name: 'text', length: 3, whole: [2] };
/** @type {NumbersShape} */
const kNumberedShape = { name: 'region, drop, cancel or copied', length: 3, whole: [2] };
/** @type {readonly (NumbersShape|undefined)[]} by type: what a process's event loop sends */
const fromMember = byType({
  [kAsk]: {
    name: 'ask',
    length: ask.body + 1,
    whole: [ask.number, ask.affinity, ask.retries, ask.flags, ask.outputs],
    integers: [ask.priority, ask.workload],
    numbers: [ask.deadline, ask.flops, ask.bytes, ask.joinKey, ask.memory, ask.own],
    indices: [
      [ask.kind, kKinds.length],
      [ask.contextType, kContextTypes.length],
    ],
  },
  [kRegion]: kNumberedShape,
  [kDrop]: kNumberedShape,
  [kCancel]: kNumberedShape,
  [kCopied]: kNumberedShape,
  [kText]: kTextShape,
});
/** @type {readonly (NumbersShape|undefined)[]} by type: what a process's executor sends */
const fromExecutor = byType({
  [kDone]: {
    name: 'done',
    length: done.text,
    whole: [done.number, done.batch, done.textBytes],
    numbers: [done.switch, done.upload, done.compute, done.readback],
    indices: [[done.code, kCodes.length + 1]],
  },
});
/** @type {readonly (NumbersShape|undefined)[]} by type: what the coordinator sends to a process's event loop */
const fromCoordinator = byType({
  [kResult]: {
    name: 'result',
    length: result.text,
    whole: [result.number, result.attempts, result.batch, result.shared, result.textBytes],
    integers: [result.member, result.context],
    numbers: [result.switch, result.upload, result.compute, result.readback, result.started],
    indices: [[result.code, kCodes.length + 1]],
  },
  [kRegion]: kNumberedShape,
  [kDrop]: kNumberedShape,
  [kText]: kTextShape,
});

/**
 * @param {Record<number, NumbersShape>} shapes
 * @returns {(NumbersShape|undefined)[]} found by a number without a string in between
 */
function byType(shapes) {
  return Array.from({ length: kCopied + 1 }, (_, type) => shapes[type]);
}

module.exports = {
  kHello,
  kRegion,
  kDrop,
  kAsk,
  kResult,
  kAssign,
  kDone,
  kCancel,
  kText,
  kBye,
  kCopied,
  ask,
  done,
  result,
  assign,
  kCacheFlag,
  kKinds,
  kContextTypes,
  kCodes,
  codeNumber,
  readText,
  withText,
  error,
  kProtocol,
  toMember,
  events,
  toCoordinator,
  handshake,
  fromMember,
  fromExecutor,
  fromCoordinator,
};
