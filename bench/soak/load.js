// Asks for jobs without end and keeps the books: every job that was asked, how it ended, and whether it ended twice.
'use strict';
const { Requester } = require('../../lib/cluster/worker/requester');
const protocol = require('../../lib/cluster/wire/protocol');

const kMaxExamples = 5;

// Which numbers have been seen: a bit each.
class Seen {
  #bits = new Uint8Array(1 << 16);
  add(n) {
    if (n >> 3 >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bits.length, (n >> 3) + 1));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    const bit = 1 << (n & 7),
      before = (this.#bits[n >> 3] & bit) !== 0;
    this.#bits[n >> 3] |= bit;
    return before;
  }
}

// A promise can't settle twice, so what would have settled it is counted: messages with a result that come to this
// process, by the number of the ask, and the manager's events, by the id of the workload.
class DoubleWatch {
  doubled = 0;
  examples = [];
  constructor(manager, prefix) {
    const results = new Seen(),
      events = new Seen(),
      { onResult } = Requester.prototype;
    const watch = this;
    Requester.prototype.onResult = function (numbers, start) {
      if (results.add(numbers[start + protocol.result.number]))
        watch.#note(`a second result for ask ${numbers[start + protocol.result.number]}`);
      return onResult.call(this, numbers, start);
    };
    for (const name of ['workload-completed', 'workload-failed'])
      manager.on(name, ({ workloadId }) => {
        // The coordinator's own events have ids that the application did not give.
        if (workloadId?.startsWith(prefix) && events.add(Number(workloadId.slice(prefix.length))))
          watch.#note(`${name} after ${workloadId} had ended`);
      });
  }
  #note(text) {
    ++this.doubled;
    if (this.examples.length < kMaxExamples) this.examples.push(text);
  }
}

class Load {
  #mix;
  #manager;
  #prefix;
  #stopping = false;
  #lanes = [];
  #watch;
  #numbers = 0;
  #open = new Map();
  counts = { asked: 0, completed: 0, failed: 0, wrong: 0, retried: 0, failures: {}, byType: {}, examples: [] };

  constructor(manager, mix, prefix) {
    this.#manager = manager;
    this.#mix = mix;
    this.#prefix = prefix;
    this.#watch = new DoubleWatch(manager, prefix);
  }

  start(lanes) {
    this.#stopping = false;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane());
  }

  // Resolves when every job has ended, or the time is up; the jobs still open are the lost ones.
  async stop(timeoutMs) {
    this.#stopping = true;
    let timer;
    await Promise.race([
      Promise.all(this.#lanes),
      new Promise((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      }),
    ]);
    clearTimeout(timer);
    return this.report();
  }

  report() {
    return {
      ...this.counts,
      doubled: this.#watch.doubled,
      open: this.#open.size,
      openJobs: [...this.#open].slice(0, kMaxExamples),
      examples: [...this.counts.examples, ...this.#watch.examples],
    };
  }

  async #lane() {
    while (!this.#stopping) {
      await this.#one(this.#numbers++);
      // Promises alone would never let timers and messages through.
      if (this.#numbers % 64 === 0) await new Promise(setImmediate);
    }
  }

  async #one(n) {
    const { counts } = this,
      id = `${this.#prefix}${n}`,
      { type, workload, options, check, end } = this.#mix.job(n);
    ++counts.asked;
    counts.byType[type] = (counts.byType[type] ?? 0) + 1;
    this.#open.set(id, type);
    try {
      const { outputs, workloadId, attempts } = await this.#manager.executeWorkload({ id, ...workload }, options);
      ++counts.completed;
      if (attempts > 1) ++counts.retried;
      const wrong = workloadId === id ? check(outputs) : `the result of ${workloadId}`;
      if (wrong) this.#note('wrong', `${id}, ${type}: ${wrong}`);
    } catch (error) {
      const code = error.code ?? error.name;
      ++counts.failed;
      counts.failures[code] = (counts.failures[code] ?? 0) + 1;
      if (code !== 'ERR_WORKER_LOST') this.#note(undefined, `${id}, ${type}: ${error.message}`);
      if (error.released) await error.released;
    }
    this.#open.delete(id);
    end?.();
  }

  #note(counter, text) {
    if (counter) ++this.counts[counter];
    if (this.counts.examples.length < kMaxExamples) this.counts.examples.push(text);
  }
}

module.exports = { Load };
