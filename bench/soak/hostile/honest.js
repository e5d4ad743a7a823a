// Clients that ask for what anybody may, and see to it that they get it, right and in time, whatever others do.
'use strict';
const http = require('node:http');
const { request } = require('./service');
const { percentile, round, sleep } = require('../../stats');

const kFrom = '127.0.0.9';
const kSide = 1024; // an answer of 4 MB
const kExamples = 5;

const kJson = { 'content-type': 'application/json' };
const small = (n) => ({
  body: JSON.stringify({ type: 'scale', inputs: { input: [n, 2, 3] }, params: { factor: 2 } }),
  headers: kJson,
  check: (bytes) => JSON.parse(bytes.toString()).outputs.output.data.join() === [2 * n, 4, 6].join(),
});
const graph = (n) => ({
  body: JSON.stringify({
    type: 'graph',
    inputs: { x: [[n, -1, 2]] },
    nodes: [
      { type: 'activation', inputs: { input: 'x' }, params: { kind: 'relu' }, outputs: { output: 'positive' } },
      { type: 'reduce', inputs: { input: 'positive' }, params: { kind: 'sum' }, outputs: { output: 'sums' } },
    ],
    outputs: ['sums'],
  }),
  headers: kJson,
  check: (bytes) => JSON.parse(bytes.toString()).outputs.sums.data[0] === n + 2,
});
const large = (n) => ({
  body: JSON.stringify({
    type: 'matmul',
    inputs: {
      a: { data: Array(kSide).fill(n), shape: [kSide, 1] },
      b: { data: Array(kSide).fill(2), shape: [1, kSide] },
    },
  }),
  headers: { ...kJson, accept: 'application/octet-stream' },
  check: (bytes) => bytes.length > 4 * kSide * kSide && bytes.readFloatLE(bytes.length - 4) === 2 * n,
});

class Honest {
  counts = { asked: 0, right: 0, wrong: 0, refused: {}, failed: {} };
  examples = [];
  /** The longest time of a request, in ms; whoever looks at it sets it to 0 before. */
  longest = 0;
  #times = [];
  #going = true;
  #lanes;

  constructor(port, lanes = 3) {
    this.port = port;
    this.agent = new http.Agent({ keepAlive: true, localAddress: kFrom });
    this.#lanes = Array.from({ length: lanes }, (_, lane) => this.#lane(lane));
  }

  async #lane(lane) {
    for (let n = 1; this.#going; ++n) {
      await this.#one(n % 25 === 0 ? large(n) : n % 5 === 0 ? graph(n) : small(n));
      await sleep(10 + lane);
    }
  }

  async #one({ body, headers, check }) {
    ++this.counts.asked;
    const started = performance.now();
    try {
      const { status, bytes } = await request(this.port, {
        method: 'POST',
        path: '/v1/workloads',
        headers,
        body,
        agent: this.agent,
      });
      const ms = performance.now() - started;
      this.#times.push(ms);
      this.longest = Math.max(this.longest, ms);
      if (status !== 200)
        this.#note('refused', `${status} ${JSON.parse(bytes.toString()).error?.code}`, bytes.toString());
      else if (check(bytes)) ++this.counts.right;
      else {
        ++this.counts.wrong;
        this.examples.push(`wrong: ${bytes.toString('latin1', 0, 200)}`);
      }
    } catch (error) {
      this.#note('failed', error.code ?? error.message, error.message);
    }
  }

  #note(how, what, text) {
    this.counts[how][what] = (this.counts[how][what] ?? 0) + 1;
    if (this.examples.length < kExamples) this.examples.push(`${how}: ${text.slice(0, 300)}`);
  }

  get errors() {
    const { wrong, refused, failed } = this.counts;
    return [wrong, ...Object.values(refused), ...Object.values(failed)].reduce((sum, count) => sum + count, 0);
  }

  async stop() {
    this.#going = false;
    await Promise.all(this.#lanes);
    this.agent.destroy();
    return {
      ...this.counts,
      errors: this.errors,
      ms: {
        p50: round(percentile(this.#times, 50)),
        p99: round(percentile(this.#times, 99)),
        most: round(Math.max(...this.#times)),
      },
      examples: this.examples,
    };
  }
}

module.exports = { Honest };
