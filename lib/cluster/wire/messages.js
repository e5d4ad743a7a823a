// Messages in words: every one that the processes of a cluster send each other as JSON, with its direction and its
// shape (codec.js writes and checks them), and the handshake over Node's own channel. Jobs travel as numbers: see
// protocol.js.
'use strict';
const { kKinds } = require('../../addon');
const { kBackends, kContextTypes, kErrorDetails } = require('../../core');
const { isTensorName } = require('../../call');
const { memoryPressure } = require('./memory-pressure');
const { operationEvents, toUser, fromUser } = require('./operation-messages');
const { toHolder, fromHolder } = require('./resource-messages');
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
  nullOr,
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
 * @typedef {import('../../index').ContextInfo & { member: number, index: number, deviceName: string, driver: string,
 *   software: boolean, canDraw: boolean }} ContextEntry `driver`: with the version of its interface
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
 * @property {string[]} [cudaOptions]
 * @property {'portable'|'architecture'} [cudaFeatures]
 * @property {number} [sharedBytes]
 * @property {string} [vertex]
 * @property {string} [fragment]
 */
/**
 * What is asked of the coordinator beside jobs and programs: memory is that of one device, why of one job, split where
 * parts of one may run, progress that of the jobs that the process has asked for.
 * @typedef {{ what: 'metrics' } | { what: 'health' } | { what: 'prometheus' } | { what: 'memory', device: string }
 *   | { what: 'jobs' } | { what: 'why', id: string } | { what: 'costs', caller?: string }
 *   | { what: 'split' } & SplitQuestion | { what: 'progress' }} Report
 */
/**
 * A job that is to be cut, as a context sees it.
 * @typedef {Pick<import('../primary/scheduler').Job, 'kind'|'contextType'|'workload'>} SplitQuestion
 */
/**
 * A context that a part may be meant for (`home`, in its ask): the rank of its kind of device; whether that is a card;
 * measured ms for each unit of cost, null before there are enough runs; and for how long it is busy.
 * @typedef {{ home: number, id: string, rank: number, isCard: boolean, speed: number|null, busyMs: number }}
 *   SplitTarget
 */
/**
 * How far a job is, the answer to 'progress'; `number`: the one that the process that asked for it has given it.
 * @typedef {{ number: number, id: string, type: string, context: string, done: number, total: number }} Step
 */
/** @typedef {'worker-ready'|'worker-left'|'worker-lost'|'context-lost'|'memory-pressure'|'tensor-published'|'alert'
 *   |'budget'|'degradation'} ClusterEventName */
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
 * - answer, answer-error: to its 'program', 'query' or NameMessage with that id
 * - reopen: tries once more to open the context; give-up: a job there never ends, nothing more runs in it
 * - trim: gives unused memory back
 * - compile: for the cluster; compile-canceled: nobody waits for it any more; program-taken: the coordinator has the
 *   outcome, its memory may go
 * - follow: which jobs it has that the coordinator does not know of; with an id, what became of that one
 * - where: to its 'cancel' of a job whose time is up: where that was
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
 *   | { type: 'compile-canceled', number: number }
 *   | { type: 'program-taken', number: number }
 *   | { type: 'follow', number: number, id?: string }
 *   | { type: 'where', number: number, text: string }
 *   | { type: 'end', reason: string }
 *   | import('./operation-messages').ToldMessage
 *   | { type: 'bye', reason?: string }} ToMember
 */
/**
 * A process's event loop -> coordinator:
 * - devices: what it has found, and the NUMA node it is bound to, where it is; the answer is its plan
 * - context: one of the plan is ready; context-failed: could not be opened; context-lost: its device was lost;
 *   context-stuck: a job there does not stop
 * - ready: every context of the plan was tried
 * - cleanup: every process is to give unused memory back
 * - leaving: it takes no more jobs; with a reason, because it did not understand the coordinator
 * - named: the id that its user gave the job that it is about to ask for
 * - program: have these sources compiled, once for all who ask with this key
 * - compiled, compile-failed: the outcome of 'compile' with that number; program-problems: of the folder on disk
 * - program-uses: times each program was used since the last such message
 * - query: a report
 * - publish, lookup, unpublish: see NameMessage
 * - followed: the answer to 'follow' with that number
 * @typedef {{ type: 'devices', devices: DeviceInfo[], node?: number }
 *   | { type: 'context', index: number, id: string, device: DeviceInfo }
 *   | { type: 'context-failed', index: number, id: string, device: string, error: WireError }
 *   | { type: 'context-lost', index: number, message?: string }
 *   | { type: 'context-stuck', index: number, id: string }
 *   | { type: 'ready' }
 *   | { type: 'cleanup' }
 *   | { type: 'leaving', reason?: string }
 *   | { type: 'named', number: number, id: string }
 *   | ProgramMessage
 *   | CompiledMessage
 *   | CompileFailedMessage
 *   | { type: 'program-problems', problems: string[] }
 *   | { type: 'program-uses', uses: Record<string, number> }
 *   | FollowedMessage
 *   | QueryMessage
 *   | import('./resource-messages').FromHolder
 *   | import('./operation-messages').FromUser
 *   | NameMessage} ToCoordinator
 */
/** @typedef {{ type: 'program', id: number, key: string, request: WireSources }} ProgramMessage */
/** @typedef {{ type: 'query', id: number, report: Report }} QueryMessage */
/** @typedef {import('../../index').JobInfo & { number: number }} NumberedJob with the number its process gave it */
/**
 * `jobs`: all, where no id was given, but for the latest, `leftOut` of them, where there are more than a message takes;
 * `found`: when it was asked for (ms of nowMs()), and its steps; `isFull`: some that have ended are forgotten.
 * @typedef {{ type: 'followed', number: number, jobs?: NumberedJob[], leftOut?: number,
 *   found?: { asked: number, steps: string[] }, isFull: boolean }} FollowedMessage
 */
/**
 * About a named tensor. `limit`: bytes that all of them may take together; `first`: a name that has a tensor keeps it,
 * and that one's version is the answer. A process that looks one up holds it already when it reads the answer, a
 * FoundTensor.
 * @typedef {{ type: 'publish', id: number, name: string, tensor: TensorHandle, limit?: number, first?: boolean }
 *   | { type: 'lookup', id: number, name: string }
 *   | { type: 'unpublish', id: number, name: string }} NameMessage
 */
/**
 * `change`: how often names had changed by then (the page's `names`).
 * @typedef {{ tensor: TensorHandle, version: number, change: number }} FoundTensor
 */
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
    cudaOptions: optional(listOf(string)),
    cudaFeatures: optional(oneOf(['portable', 'architecture'])),
    sharedBytes: optional(count),
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
    numaNode: optional(count),
    links: optional(listOf(object({ device: string, nvlink: flag, peer: flag }))),
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
  driver: string,
  software: flag,
  canDraw: flag,
});
/** @type {Kind<string>} */
const tensorName = isTensorName;
/** @type {Kind<NumberedJob>} */
const jobInfo = object({
  number: count,
  id: string,
  type: string,
  state: oneOf(['queued', 'running']),
  sinceMs: number,
  priority: integer,
  deadline: nullOr(number),
  costMs: number,
  contextId: optional(string),
  reason: optional(string),
  progress: optional(object({ done: number, total: number })),
});
/** @type {{ [Name in ClusterEventName]: Kind<ManagerEvents[Name][0]> }} */
const events = {
  'worker-ready': object({ workerId: integer, pid: count, contexts: listOf(string) }),
  'worker-left': object({ workerId: integer, pid: count }),
  'worker-lost': object({ workerId: integer, pid: count, reason: string }),
  'context-lost': object({ contextId: string, workerId: integer, message: string }),
  'memory-pressure': memoryPressure,
  'tensor-published': object({ name: tensorName, version: count }),
  ...operationEvents,
};
/** @type {Kind<SplitQuestion>} */
const splitQuestion = object({ kind: oneOf(kKinds), contextType: oneOf(kContextTypes), workload: integer });
const reports = /** @type {const} */ ([
  'metrics',
  'health',
  'prometheus',
  'memory',
  'jobs',
  'costs',
  'why',
  'split',
  'progress',
]);
/** @type {Kind<Report>} */
const report = /** @type {Kind<any>} */ (
  (value) =>
    isObject(value) &&
    oneOf(reports)(value.what) &&
    (value.what !== 'memory' || string(value.device)) &&
    (value.what !== 'why' || string(value.id)) &&
    (value.what !== 'costs' || optional(string)(value.caller)) &&
    (value.what !== 'split' || splitQuestion(value))
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
  'compile-canceled': { number: count },
  'program-taken': { number: count },
  follow: { number: count, id: optional(string) },
  where: { number: count, text: string },
  ...toHolder,
  ...toUser,
  end: { reason: string },
  bye: { reason: optional(string) },
};
/** @type {{ [Type in ToCoordinator['type']]: Shape<Extract<ToCoordinator, { type: Type }>> }} */
const toCoordinator = {
  devices: { devices: listOf(device), node: optional(count) },
  context: { index: count, id: string, device },
  'context-failed': { index: count, id: string, device: string, error },
  'context-lost': { index: count, message: optional(string) },
  'context-stuck': { index: count, id: string },
  ready: {},
  cleanup: {},
  leaving: { reason: optional(string) },
  named: { number: count, id: string },
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
  followed: {
    number: count,
    jobs: optional(listOf(jobInfo)),
    leftOut: optional(count),
    found: optional(object({ asked: number, steps: listOf(string) })),
    isFull: flag,
  },
  query: { id: count, report },
  publish: {
    id: count,
    name: tensorName,
    tensor: /** @type {Kind<TensorHandle>} */ (isObject), // checked as it is opened
    limit: optional(count),
    first: optional(flag),
  },
  lookup: { id: count, name: tensorName },
  unpublish: { id: count, name: tensorName },
  ...fromHolder(error),
  ...fromUser,
};
/** @type {{ [Type in (Hello|Welcome|Refused)['type']]: Shape<Extract<Hello|Welcome|Refused, { type: Type }>> }} */
const handshake = {
  'switchyard:hello': { version: string, protocol: optional(number) },
  'switchyard:welcome': { address: string, key: listOf(number), slot: count },
  'switchyard:refused': { reason: string, code: optional(string) },
};

module.exports = { toMember, events, toCoordinator, handshake, error };
