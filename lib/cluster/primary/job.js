// A job as the coordinator keeps it: what the scheduler looks at, and the body it carries unread.
'use strict';
const { costMs, kBase, kernelIndex, renderIndex } = require('../../call');
const { protocol } = require('../wire');
const { nameOf, typeOf, cutId } = require('../journal');

const { ask, output, kKinds, kContextTypes } = protocol;
// Each on its own: this is done for every job.
const {
  affinity: kAskAffinity,
  asked: kAskAsked,
  body: kAskBody,
  bytes: kAskBytes,
  contextType: kAskContextType,
  deadline: kAskDeadline,
  digest: kAskDigest,
  flags: kAskFlags,
  flops: kAskFlops,
  home: kAskHome,
  joinKey: kAskJoinKey,
  kind: kAskKind,
  memory: kAskMemory,
  mostRows: kAskMostRows,
  number: kAskNumber,
  outputs: kAskOutputs,
  own: kAskOwn,
  priority: kAskPriority,
  resident: kAskResident,
  retries: kAskRetries,
  rows: kAskRows,
  workload: kAskWorkload,
} = ask;
/** @type {number[]} */
const kNone = [];

let lastNumber = 0;

class CoordinatorJob {
  /**
   * @param {import('./member').Member} from
   * @param {Float64Array} numbers
   * @param {number} at where its message begins
   * @param {number} now
   */
  constructor(from, numbers, at, now) {
    this.number = ++lastNumber;
    this.requester = from.slot;
    this.maker = from.serial; // whose memory it uses
    this.askNumber = numbers[at + kAskNumber];
    this.workerId = from.workerId; // of its requester
    this.node = from.node; // its requester's
    /** @type {string|undefined} by its user */
    this.id = undefined;
    this.priority = numbers[at + kAskPriority];
    this.enqueued = now;
    this.asked = numbers[at + kAskAsked]; // by its user; since then its memory was made ready
    this.deadline = numbers[at + kAskDeadline] || Infinity;
    this.kind = kKinds[numbers[at + kAskKind]];
    this.contextType = kContextTypes[numbers[at + kAskContextType]];
    this.affinity = numbers[at + kAskAffinity];
    this.workload = numbers[at + kAskWorkload];
    this.bytes = numbers[at + kAskMemory];
    this.ownBytes = numbers[at + kAskOwn];
    this.rows = numbers[at + kAskRows];
    this.mostRows = numbers[at + kAskMostRows];
    this.cost = costMs(numbers[at + kAskFlops], numbers[at + kAskBytes]);
    this.alone = false;
    this.excluded = -1;
    this.home = numbers[at + kAskHome]; // of a part of a split job, else 0
    this.joinKey = this.home ? 0 : numbers[at + kAskJoinKey];
    this.inputs = numbers[at + kAskResident]
      ? Array.from(numbers.subarray(at + kAskResident, at + kAskOutputs)).filter(Boolean)
      : kNone;
    this.retries = numbers[at + kAskRetries];
    this.cacheKey =
      numbers[at + kAskFlags] & protocol.kCacheFlag
        ? numbers.subarray(at + kAskDigest, at + kAskResident).join(' ')
        : '';
    this.isLent = (numbers[at + kAskFlags] & protocol.kLentFlag) !== 0; // its memory is of the coordinator's process
    this.outputsAt = numbers[at + kAskOutputs];
    this.body = numbers.slice(at + kAskBody, at + numbers[at]);

    /** @type {import('./member').Member|undefined} who wants the result; undefined once it has gone */
    this.from = from;
    /** @type {import('./member').Member|undefined} where it is */
    this.member = undefined;
    /** @type {import('./context-view').ContextView|undefined} */
    this.context = undefined;
    /** @type {Launch|undefined} */
    this.launch = undefined;
    this.attempts = 0;
    this.deaths = 0; // workers that ended while it ran
    this.returns = 0; // times it came back without having run
    this.startedAt = 0; // when it was assigned
    this.canceledAt = 0;
    /** @type {import('./completion').Ending|undefined} how it ends when it has stopped for that */
    this.canceledFor = undefined;
    this.isQueued = false;
    this.before = 0; // jobs in the queue when it came
    this.waits = 0; // why it was not given to a context: see kWaits
    /** @type {import('./scheduler').ContextView|undefined} the one that it waited for last */
    this.waitedFor = undefined;
    /** @type {string[]|undefined} what became of earlier attempts, in words */
    this.tries = undefined;
    /** @type {CoordinatorJob[]|undefined} equal jobs that wait for its outputs */
    this.followers = undefined;
    /** @type {CoordinatorJob|undefined} whose outputs it will get */
    this.leader = undefined;
    this.copies = 0; // followers that have not copied yet
    /** @type {import('./completion').Ending|undefined} how it has ended, until they have */
    this.heldEnding = undefined;
    /** @type {CoordinatorJob|undefined} whose outputs its requester copies now */
    this.copiesFrom = undefined;
    // The queue's own.
    /** @type {import('./requester-queues').RequesterState|undefined} */
    this.q_requester = undefined;
    /** @type {import('./requester-queues').JobClass|undefined} */
    this.q_class = undefined;
    /** @type {import('./join-groups').JoinGroup|undefined} */
    this.q_group = undefined;
    /** @type {import('./scheduler').Job|undefined} */
    this.q_before = undefined;
    /** @type {import('./scheduler').Job|undefined} */
    this.q_after = undefined;
    /** @type {import('./scheduler').Job|undefined} */
    this.q_joinBefore = undefined;
    /** @type {import('./scheduler').Job|undefined} */
    this.q_joinAfter = undefined;
    this.q_at = -1;
  }

  /** @param {import('./member').Member} from that has said its id just before */
  takeId(from) {
    if (from.named?.number === this.askNumber) this.id = cutId(from.named.id);
    from.named = undefined;
  }

  /** What its user knows it by: results and errors have it as `workloadId`, there as long as it is. */
  get name() {
    return this.id ?? nameOf(this.workerId, this.askNumber);
  }

  /** Where jobs like it are counted, by its place in countedNames; -1: a graph. */
  get counted() {
    const { workload } = this;
    if (workload < kBase) return workload;
    return this.kind === 'render' ? renderIndex : kernelIndex;
  }

  /** Its workload's type, as its user has written it. */
  get type() {
    return typeOf(this.counted);
  }

  /**
   * The scheduler has looked at it, and left it in the queue.
   * @param {import('./scheduler').Refusal} refusal
   */
  refused({ wait, context }) {
    this.waits |= wait;
    this.waitedFor = context;
  }

  /** @param {string} text what became of an attempt */
  tried(text) {
    (this.tries ??= []).push(text);
  }

  /** It runs in a context of the coordinator's process that does not let go of it. */
  get isGivenUp() {
    return this.canceledAt > 0 && this.context?.isLost === true && this.member?.inProcess === true;
  }

  /** Whether it has begun on its context, as far as that says. */
  get runsThere() {
    const started = this.context?.started();
    return !started?.size || started.has(this.number) || started.has(this.launch?.leader ?? -1);
  }

  /** Where it is, for whoever has waited for it too long. */
  get whereabouts() {
    const tried = this.attempts > 1 ? `, at its attempt ${this.attempts}` : '';
    const { context } = this;
    if (this.leader) return 'it waited for an equal job, whose outputs it was to share';
    if (!context) return `it waited in the queue for a context${this.attempts > 0 ? ', to be tried again' : ''}`;
    return this.runsThere
      ? `it was running on ${context.id}${tried}`
      : `it waited on ${context.id}, behind another job${tried}`;
  }

  /** Where an equal job finds what this one has made: see `output` of src/cluster/messages.def. */
  outputPlaces() {
    const first = this.outputsAt + 1;
    return this.body.slice(first, first + this.body[this.outputsAt] * output.numbers);
  }
}

/**
 * What a job's part of a launch goes by: its tokens, else its work, which of jobs that are joined follows their rows.
 * @param {CoordinatorJob} job
 */
function weightOf({ rows, cost }) {
  return rows > 0 ? rows : cost;
}

/** Jobs that went to a context together. */
class Launch {
  /**
   * @param {CoordinatorJob[]} jobs
   * @param {import('./member').Member} member
   * @param {import('./context-view').ContextView} context
   */
  constructor(jobs, member, context) {
    this.leader = jobs[0].number;
    this.left = jobs.length;
    this.isCounted = false;
    this.member = member;
    this.context = context;
    this.cost = jobs.reduce((sum, job) => sum + job.cost, 0);
    const isPacked = jobs[0].rows > 0;
    this.meanWeight = (isPacked ? jobs.reduce((sum, job) => sum + job.rows, 0) : this.cost) / jobs.length;
  }

  /**
   * A job's part of what its launch has taken, by its rows.
   * @param {CoordinatorJob} job
   * @param {number} batch jobs that ran together in the end
   * @returns {number} 0..1
   */
  partOf(job, batch) {
    if (batch <= 1) return 1;
    return this.meanWeight > 0 ? Math.min(1, weightOf(job) / this.meanWeight / batch) : 1 / batch;
  }
}

module.exports = { CoordinatorJob, Launch };
