// How fast it is: what the device gives, then every workload as a share of it, in the same process.
'use strict';
const { bytesOf, wordsOf, workOf } = require('../cases');

const kGiga = 1e9;
const kTera = 1e12;

// Asks, and puts the answer or its failure into the report. `take` gives what Report.measured() takes, or a reason for
// which there is nothing.
async function eachRow(run, take) {
  const { report, device, rows } = run;
  for (const row of rows) {
    if (report.stateOf(device, row.name) !== 'not reached') continue;
    if (row.cudaOnly && !device.startsWith('cuda')) {
      report.skipped(device, row.name, 'of CUDA alone');
      continue;
    }
    if (run.isOver()) return;
    try {
      const found = await take(row);
      if (typeof found === 'string') report.skipped(device, row.name, found);
      else report.measured(device, row.name, found);
    } catch (error) {
      if (run.isOver()) return;
      report.failed(device, row.name, error.message);
    }
  }
}

const productWords = ([m, n, k, transposeB]) => `${m} ${n} ${k} ${transposeB ? 'T' : 'N'}`;

/** What figures are shares of: measured once for each run and device. */
class Limits {
  #run;
  #known = new Map();
  constructor(run) {
    this.#run = run;
  }
  async #once(key, take) {
    if (!this.#known.has(key)) this.#known.set(key, await take());
    return this.#known.get(key);
  }
  /** Bytes a second. */
  copy() {
    const bytes = this.#run.isCard ? 1 << 30 : 1 << 24;
    return this.#once('copy', async () => (await this.#run.ask(`copy ${bytes} ${this.#run.seconds}`)).rate);
  }
  /** { ms, by } of a product by cuBLASLt, or by the device's queue where that is not there. */
  product(type, sizes) {
    const words = `${type} ${productWords(sizes)} ${this.#run.seconds}`;
    return this.#once(words, async () => {
      const library = await this.#run.ask(`library ${words}`);
      if (!library.absent) return { ms: library.ms, by: 'cuBLASLt' };
      if (type === 'int8') return null;
      return { ms: (await this.#run.ask(`product ${words}`)).ms, by: 'its own queue' };
    });
  }
  /** Operations a second on a square that is large for the device. */
  async flops(type) {
    const n = this.#run.isCard ? 8192 : 512;
    // b is given transposed: of int8 the library takes nothing else.
    const found = await this.product(type, [n, n, n, true]);
    return found && { rate: (2 * n ** 3 * 1000) / found.ms, by: `${found.by}, ${n}` };
  }
  /** Bytes a second between host and device by CUDA's own calls; by ours where there are none. */
  transfer(way) {
    const bytes = this.#run.isCard ? 1 << 28 : 1 << 22;
    return this.#once(`transfer ${way}`, async () => {
      const raw = await this.#run.ask(`raw ${way} pinned ${bytes} ${this.#run.seconds}`);
      if (!raw.absent) return raw.rate;
      return (await this.#run.ask(`transfer ${way} plain ${bytes} ${this.#run.seconds}`)).rate;
    });
  }
}

function card(run) {
  return eachRow(run, async (row) => {
    if (row.unit === 'GB/s') {
      const rate = await run.limits.copy(),
        nominal = await run.ask('nominal');
      const limit = nominal.absent ? null : nominal.rate / kGiga;
      return { value: rate / kGiga, limit, fraction: limit && rate / kGiga / limit, detail: 'read and written' };
    }
    const found = await run.limits.flops(row.name.split(', ')[1]);
    return found ? { value: found.rate / kTera, detail: `by ${found.by}` } : 'cuBLASLt is not installed here';
  });
}

async function limitOf(run, one) {
  const [kind, type] = one.limit.split(' '),
    { bytes, flops } = workOf(one);
  if (kind === 'none') return { ms: null, detail: '' };
  if (kind === 'copy') {
    const rate = await run.limits.copy();
    return { ms: (bytes / rate) * 1000, detail: `${(bytes / 1e6).toFixed(1)} MB at ${(rate / kGiga).toFixed(0)} GB/s` };
  }
  if (kind === 'library') {
    const found = await run.limits.product(type, one.product);
    return found ? { ms: found.ms, detail: `by ${found.by}` } : { ms: null, detail: 'cuBLASLt is not installed here' };
  }
  const found = await run.limits.flops(type);
  return {
    ms: found && (flops / found.rate) * 1000,
    detail: found ? `${(flops / kGiga).toFixed(1)} GFLOP at ${(found.rate / kTera).toFixed(2)} TFLOP/s` : '',
  };
}

function resident(run) {
  return eachRow(run, async ({ case: one }) => {
    const found = await run.ask(`resident ${run.seconds} ${wordsOf(one)}`);
    const outputBytes = one.outputs.reduce((sum, it) => sum + bytesOf(it), 0);
    if (found.outputBytes !== outputBytes)
      throw new Error(`its outputs take ${found.outputBytes} bytes, not ${outputBytes}`);
    const limit = await limitOf(run, one);
    return {
      value: found.ms,
      limit: limit.ms,
      fraction: limit.ms === null ? null : limit.ms / found.ms,
      detail: [`median ${found.median.toPrecision(4)} of ${found.runs}`, limit.detail].filter(Boolean).join('; '),
    };
  });
}

function host(run) {
  return eachRow(run, async ({ words, up, down }) => {
    const found = await run.ask(`host ${run.seconds} ${words}`);
    const limit = 1000 * Math.max(up / (await run.limits.transfer('up')), down / (await run.limits.transfer('down')));
    return { value: found.ms, limit, fraction: limit / found.ms, detail: `median ${found.median.toPrecision(4)}` };
  });
}

function transfers(run) {
  const bytes = run.isCard ? 1 << 28 : 1 << 22;
  return eachRow(run, async ({ command, limit: limitName }) => {
    const way = command.split(' ')[1];
    const { rate, absent } = await run.ask(`${command} ${bytes} ${run.seconds}`);
    if (absent && run.device.startsWith('cuda')) throw new Error('the host memory could not be pinned');
    if (absent) return 'this device does not pin host memory';
    if (limitName === 'none' || !run.device.startsWith('cuda')) return { value: rate / kGiga };
    const limit = await run.limits.transfer(way);
    return { value: rate / kGiga, limit: limit / kGiga, fraction: rate / limit };
  });
}

module.exports = { Limits, eachRow, card, resident, host, transfers };
