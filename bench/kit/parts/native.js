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
  // What has failed fails again, at once, unless time had run out.
  async #once(key, take) {
    if (!this.#known.has(key)) {
      try {
        this.#known.set(key, { found: await take() });
      } catch (error) {
        if (this.#run.isOver()) throw error;
        this.#known.set(key, { error });
      }
    }
    const { found, error } = this.#known.get(key);
    if (error) throw error;
    return found;
  }
  /** Bytes a second. */
  copy() {
    const bytes = this.#run.isCard ? 1 << 30 : 1 << 24;
    return this.#once('copy', async () => (await this.#run.ask(`copy ${bytes} ${this.#run.seconds}`)).rate);
  }
  /** { ms } of a product by cuBLASLt, or { missing }: why there is none. */
  product(type, sizes) {
    const words = `${type} ${productWords(sizes)} ${this.#run.seconds}`;
    return this.#once(words, async () => {
      const { absent, refused, ms } = await this.#run.ask(`library ${words}`);
      if (refused) return { missing: 'cuBLASLt names no algorithm for it' };
      if (absent) return { missing: 'no cuBLASLt here' };
      this.#run.noteLibraries?.();
      return { ms };
    });
  }
  /** Operations a second on a square that is large for the device. */
  async flops(type) {
    const n = this.#run.isCard ? 8192 : 512;
    // b is given transposed: of int8 the library takes nothing else.
    const found = await this.product(type, [n, n, n, true]);
    return found.missing ? found : { rate: (2 * n ** 3 * 1000) / found.ms, by: `cuBLASLt, ${n}` };
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

// CUDA's events tell what the card itself took.
const clockOf = (run) => (run.device.startsWith('cuda') ? '' : "by the host's clock");

function card(run) {
  return eachRow(run, async (row) => {
    if (row.unit === 'GB/s') {
      const rate = await run.limits.copy(),
        nominal = await run.ask('nominal');
      const limit = nominal.absent ? null : nominal.rate / kGiga;
      const detail = ['read and written', clockOf(run)].filter(Boolean).join('; ');
      return { value: rate / kGiga, limit, fraction: limit && rate / kGiga / limit, detail };
    }
    const found = await run.limits.flops(row.name.split(', ')[1]);
    return found.missing ?? { value: found.rate / kTera, detail: `by ${found.by}` };
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
    return found.missing ? { ms: null, detail: found.missing } : { ms: found.ms, detail: 'by cuBLASLt' };
  }
  const found = await run.limits.flops(type);
  if (found.missing) return { ms: null, detail: found.missing };
  const detail = `${(flops / kGiga).toFixed(1)} GFLOP at ${(found.rate / kTera).toFixed(2)} TFLOP/s`;
  return { ms: (flops / found.rate) * 1000, detail };
}

// A figure stands without its limit, too.
async function limitOrNot(take) {
  try {
    return await take();
  } catch (error) {
    return { ms: null, detail: `no limit: ${error.message}` };
  }
}

function resident(run) {
  return eachRow(run, async ({ case: one }) => {
    const found = await run.ask(`resident ${run.seconds} ${wordsOf(one)}`);
    const outputBytes = one.outputs.reduce((sum, it) => sum + bytesOf(it), 0);
    if (found.outputBytes !== outputBytes)
      throw new Error(`its outputs take ${found.outputBytes} bytes, not ${outputBytes}`);
    const limit = await limitOrNot(() => limitOf(run, one));
    return {
      value: found.ms,
      limit: limit.ms,
      fraction: limit.ms === null ? null : limit.ms / found.ms,
      detail: [`median ${found.median.toPrecision(4)} of ${found.runs}`, clockOf(run), limit.detail]
        .filter(Boolean)
        .join('; '),
    };
  });
}

function host(run) {
  return eachRow(run, async ({ words, up, down }) => {
    const found = await run.ask(`host ${run.seconds} ${words}`);
    const limit = await limitOrNot(async () => ({
      ms: 1000 * Math.max(up / (await run.limits.transfer('up')), down / (await run.limits.transfer('down'))),
      detail: '',
    }));
    return {
      value: found.ms,
      limit: limit.ms,
      fraction: limit.ms === null ? null : limit.ms / found.ms,
      detail: [`median ${found.median.toPrecision(4)}`, limit.detail].filter(Boolean).join('; '),
    };
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
    const limit = await limitOrNot(async () => ({ rate: await run.limits.transfer(way), detail: '' }));
    if (!limit.rate) return { value: rate / kGiga, detail: limit.detail };
    return { value: rate / kGiga, limit: limit.rate / kGiga, fraction: rate / limit.rate };
  });
}

module.exports = { Limits, eachRow, card, resident, host, transfers };
