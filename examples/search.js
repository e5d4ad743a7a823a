// Searches the clauses of the SPDX licence list by their meaning.
//   npm run example:search -- "may I use this in a product that I sell?"
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Command, InvalidArgumentError, Option } = require('commander');
const { readPassages } = require('./search-passages');
const { fillBase } = require('./search-base');
const { neighbourhood } = require('./search-picture');
const { printResult } = require('./search-report');

const kDefaultQuestion = 'may I use this in a product that I sell?';
const kName = 'licence-passages'; // of the published tensor
const kPictured = 60; // passages

class UsageError extends Error {}

// ---- The steps, with where each ran and for how long.

class Search {
  steps = [];

  constructor(gpu, { manager, type, say }) {
    Object.assign(this, { gpu, manager, type, say });
    const context = manager.contexts().find(({ contextType }) => contextType === type);
    if (!context) throw new Error(`no context could be opened on ${type}: \`npx switchyard doctor\` says why`);
    this.device = context.device;
  }

  async step(name, where, work) {
    const start = performance.now();
    const result = await work();
    this.steps.push({ name, where, ms: performance.now() - start });
    return result;
  }

  /** One workload as one step, on the kind of device that was asked for; pictures go to one that draws. */
  async run(name, workload) {
    const start = performance.now();
    const options = workload.type === 'render' ? {} : { contextType: this.type };
    const { outputs, contextId, deviceName } = await this.manager.executeWorkload(workload, options);
    this.steps.push({ name, where: `${contextId} (${deviceName})`, ms: performance.now() - start });
    return outputs;
  }

  /** The passages' vectors as a tensor that all processes of the cluster find by its name. */
  async publishBase(model, passages) {
    const base = this.manager.sharedTensor([passages.length, model.dimensions]);
    const kept = await this.step('vectors of the passages', this.device, () =>
      fillBase(
        model,
        passages.map(({ text }) => text),
        base.data,
        { device: this.device, jobOptions: { contextType: this.type, timeout: 600_000 }, say: this.say },
      ),
    );
    if (kept !== undefined) this.steps.at(-1).where = `the cache, made on ${kept}`;
    await this.manager.publish(kName, base.seal());
    base.release();
  }

  /** The k passages nearest to the question, best first, with their vectors. */
  async nearest(model, question, passages, k) {
    const { embeddings } = await this.step('vector of the question', this.device, () =>
      model.embed([question], { contextType: this.type }),
    );
    const base = await this.manager.lookup(kName);
    const { indices, scores } = await this.run(`search ${passages.length} passages`, {
      type: 'similarity-search',
      inputs: { queries: embeddings, base },
      params: { k: Math.min(k, passages.length) },
    });
    const [, d] = base.shape;
    const vectors = new Float32Array(indices.data.length * d);
    indices.data.forEach((row, i) => vectors.set(base.data.subarray(row * d, (row + 1) * d), i * d));
    base.release();
    const found = Array.from(indices.data, (row, i) => ({ ...passages[row], score: scores.data[i] }));
    return { found, vectors };
  }

  /** Draws the neighbourhood, and says why where nothing here can. */
  async draw(question, { found, vectors }, out) {
    if (!this.gpu.devices().some(({ features }) => features.graphics))
      return { problem: 'no picture: no device here can draw (`npx switchyard doctor` says what is missing)' };
    const { image } = await this.run(
      'draw them',
      await neighbourhood(question, found, vectors, (name, workload) => this.run(name, workload)),
    );
    fs.mkdirSync(path.dirname(path.resolve(out)), { recursive: true });
    fs.writeFileSync(out, await this.gpu.encodePNG(image));
    return { file: path.relative('', out) || out };
  }
}

/** The kind of device to compute on: the best, or the one that was asked for. */
function chooseType(gpu, wanted) {
  const [best] = gpu.devices();
  if (wanted === 'auto') return best.backend;
  if (gpu.devices().some(({ backend }) => backend === wanted)) return wanted;
  throw new Error(`no ${wanted} device here: \`npx switchyard doctor\` says what is missing`);
}

async function search(question, { device, precision, count, licences, out, picture, say }) {
  const gpu = require('..');
  const type = chooseType(gpu, device);
  const drawing = picture ? gpu.devices().find(({ features }) => features.graphics)?.backend : undefined;
  const contextTypes = [...new Set([type, drawing ?? type])];
  // One process: the coordinator and the contexts are here.
  const manager = gpu.createGPUClusterManager({
    contextTypes,
    contextsPerWorker: contextTypes.length,
    memoryLimit: '1 GB',
  });
  try {
    await manager.ready;
    const job = new Search(gpu, { manager, type, say });
    const { licences: read, passages } = await job.step('read and split the licences', 'Node', () =>
      readPassages(licences),
    );
    const model = await job.step('load the model', job.device, () =>
      manager.loadModel(gpu.defaultModel, { precision, contextType: type }),
    );
    await job.publishBase(model, passages);
    const nearest = await job.nearest(model, question, passages, Math.max(count, kPictured));
    const drawn = picture ? await job.draw(question, nearest, out) : {};
    const { family, precision: used, digest } = model;
    await model.close();
    return {
      question,
      device: job.device,
      model: { name: gpu.defaultModel, family, precision: used, digest },
      licences: read.length,
      passages: passages.length,
      found: nearest.found.slice(0, count),
      picture: drawn,
      steps: job.steps,
    };
  } finally {
    await manager.close();
  }
}

async function main(words, options) {
  const question = words.join(' ').trim() || kDefaultQuestion;
  if (!/[\p{L}\p{N}]/u.test(question)) throw new UsageError('the question has no words');
  const say = (text) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  const result = await search(question, { ...options, say });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else printResult(result);
}

// ---- Arguments.

function wholeNumber(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number of at least 1 is needed.');
  return value;
}

const program = new Command('example:search')
  .description('Finds the clauses of licences that say something to a question, by their meaning.')
  .argument('[question...]', `what to look for ("${kDefaultQuestion}" when left out)`)
  .addOption(
    new Option('--device <device>', 'where to compute').choices(['auto', 'cpu', 'vulkan', 'cuda']).default('auto'),
  )
  .option('--precision <precision>', 'of the model: float32, auto, ...', 'float32')
  .option('--count <n>', 'how many passages to show', wholeNumber, 8)
  .option('--licences <ids>', 'only these licences, with commas between them', (text) => text.split(','))
  .option('--out <file>', 'the picture', path.join(__dirname, '..', 'build', 'search.png'))
  .option('--no-picture', 'draw none')
  .option('--json', 'print everything as JSON and nothing else')
  .action(main)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program.parseAsync().catch((error) => {
  process.stderr.write(`example:search: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
