// `switchyard run <workload>`: one job, or the same one several times, on a running server or in this process.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { InvalidArgumentError } = require('commander');
const { invalid, show, kBackends, nowMs } = require('../core');
const { makeJob, describeShapes } = require('./inputs');
const { addServerOptions } = require('./server/connect');

/** @typedef {import('../exchange/workload').RequestedWorkload} Job with `params` where it has some */
/** @typedef {import('../index').RunResult & Partial<import('../index').GPUResult>} Result */
/**
 * @typedef {object} Options
 * @property {number[]} [shape]
 * @property {string} [file]
 * @property {URL} [server]
 * @property {object} [params]
 * @property {URL} [url]
 * @property {boolean} [local]
 * @property {string} [device]
 * @property {number} repeat
 * @property {number} values
 * @property {number} [timeout]
 * @property {boolean} [json]
 * @property {string} [out]
 */
/**
 * @typedef {object} Runner
 * @property {string} where
 * @property {string} [url]
 * @property {(workload: Job) => Promise<Result>} run
 * @property {() => Promise<void>} close
 */

const kMaxElements = 2 ** 28;

/** @param {string} text */
function parseShape(text) {
  if (!/^\d+(x\d+){0,7}$/i.test(text))
    throw new InvalidArgumentError('It must be extents with x between them, 1000x384 for example.');
  const shape = text.split(/x/i).map(Number);
  if (shape.reduce((product, extent) => product * extent, 1) > kMaxElements)
    throw new InvalidArgumentError(`It has more than ${kMaxElements} elements.`);
  return shape;
}

/** @param {string} text */
function parseParams(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${error.message}.`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new InvalidArgumentError(`It must be an object, '{"k":5}' for example.`);
  return value;
}

/** @param {string} text */
function parseUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('It must be like http://127.0.0.1:3000.');
  return url;
}

/**
 * @param {number} min
 * @param {number} max
 */
function parseCount(min, max) {
  return (/** @type {string} */ text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(number >= min && number <= max))
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return number;
  };
}

/**
 * A workload as POST /v1/workloads takes it.
 * @param {string} file - for stdin
 */
function readFile(file) {
  const { parseJson, readWorkload } = require('../exchange');
  const bytes = fs.readFileSync(file === '-' ? 0 : file);
  const { workload, options } = readWorkload(parseJson(bytes, file === '-' ? 'stdin' : path.basename(file)), undefined);
  return { workload, options };
}

/**
 * @param {string|undefined} type
 * @param {Options} options
 * @returns {{ workload: Job, jobOptions: object, shape?: string }}
 */
function prepare(type, { shape, file, params }) {
  if (file === undefined) {
    if (type === undefined) throw invalid('give the name of a workload, or a file with --file');
    const { shape: text, ...job } = makeJob(type, shape);
    return { workload: { ...job, params: { ...job.params, ...params } }, jobOptions: {}, shape: text };
  }
  if (shape) throw invalid('--file has its own inputs: leave out --shape');
  const { workload, options } = readFile(file);
  if (type !== undefined && type !== workload.type)
    throw invalid(`the file has the workload ${show(workload.type)}, not ${show(type)}`);
  return {
    workload: params ? { ...workload, params: { ...workload.params, ...params } } : workload,
    jobOptions: options,
  };
}

/** @param {string} text */
function parseOut(text) {
  if (path.extname(text).toLowerCase() !== '.png')
    throw new InvalidArgumentError('It must be the name of a PNG file, picture.png for example.');
  return text;
}

/**
 * @param {string} file
 * @param {import('../index').Tensor} image
 */
async function writePicture(file, image) {
  const { encodePNG } = require('../program');
  const bytes = await encodePNG(image);
  await fs.promises.writeFile(file, bytes);
  process.stderr.write(`${file}: ${bytes.length} bytes\n`);
}

/** Where a server of this machine would be. */
function usualUrl() {
  const { readServiceConfig } = require('../config');
  const { host, port } = readServiceConfig();
  return new URL(
    `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`,
  );
}

/**
 * @param {URL} url
 * @param {Options} options
 * @param {object} jobOptions
 * @returns {Runner}
 */
function remote(url, { device, timeout }, jobOptions) {
  const { runRemote } = require('./client');
  if (device && device !== 'auto' && !kBackends.includes(/** @type {import('../index').Backend} */ (device)))
    throw invalid(`a server chooses the device: --device is ${show(device)}, but must be cuda, vulkan or cpu`);
  const options = {
    ...jobOptions,
    ...(device && device !== 'auto' ? { contextType: device } : {}),
    ...(timeout ? { timeout } : {}),
  };
  return {
    where: url.origin,
    url: url.origin,
    run: (workload) => runRemote(url, workload, options),
    close: async () => {},
  };
}

/**
 * @param {Options} options
 * @returns {Promise<Runner>}
 */
async function local({ device = 'auto', timeout }) {
  const { createContext } = require('../context');
  const context = await createContext({ device: /** @type {import('../index').Backend} */ (device) });
  return {
    where: 'this process',
    run: (workload) => context.run(/** @type {any} */ (workload), timeout ? { timeout } : undefined), // it checks it
    close: () => context.close(),
  };
}

/**
 * @param {Options} options
 * @param {object} jobOptions
 */
async function chooseRunner(options, jobOptions) {
  if (options.server && (options.local || options.url))
    throw invalid(`--server and ${options.local ? '--local' : '--url'} exclude each other`);
  if (options.server)
    return require('./server/run').runner(
      /** @type {import('./server/run').Options} */ (/** @type {unknown} */ (options)),
      jobOptions,
    );
  if (options.local && options.url) throw invalid('--local and --url exclude each other');
  if (options.local) return local(options);
  const { answers } = require('./client');
  const url = options.url ?? usualUrl();
  if (await answers(url)) return remote(url, options, jobOptions);
  if (options.url) throw new Error(`no switchyard server answers at ${url.origin}`);
  process.stderr.write(
    `no server answers at ${url.origin}: running in this process (\`npx switchyard start\` starts one)\n`,
  );
  return local(options);
}

/** @param {number} ms */
function shortMs(ms) {
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0);
}

/** @param {number[]} times */
function summarize(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { runs: sorted.length, least: sorted[0], p50: at(0.5), p99: at(0.99), most: sorted[sorted.length - 1] };
}

/**
 * @param {Record<string, import('../index').Tensor>} outputs
 * @param {number} count
 */
function describeOutputs(outputs, count) {
  const { kHalves } = require('../call');
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, shape, dtype }]) => {
      const first = Array.from(data.subarray(0, count), kHalves[dtype]?.fromBits ?? Number);
      return [name, { shape, dtype, first: first.map((value) => (Number.isFinite(value) ? value : String(value))) }];
    }),
  );
}

/**
 * @param {object} report
 * @param {string} report.workload
 * @param {string} [report.shape]
 * @param {string} report.where
 * @param {Omit<Result, 'outputs'>} report.result
 * @param {ReturnType<typeof describeOutputs>} report.outputs
 * @param {number} report.roundTrip
 * @param {ReturnType<typeof summarize>} [report.repeated]
 */
function print({ workload, shape, where, result, outputs, roundTrip, repeated }) {
  const by = result.contextId ? ` (context ${result.contextId})` : '';
  console.log(`${workload}${shape ? ` ${shape}` : ''} on ${result.deviceName}${by}, in ${where}`);
  const width = Math.max(4, ...Object.keys(outputs).map((name) => name.length));
  for (const [name, { shape: extents, dtype, first }] of Object.entries(outputs)) {
    const values = first.map((value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value)).join(' ');
    console.log(`  ${name.padEnd(width)}  ${dtype} [${extents.join(', ')}]  ${values}`);
  }
  const parts = Object.entries(result.timings)
    .filter(([name]) => name !== 'total')
    .map(([name, ms]) => `${name} ${shortMs(Number(ms))}`)
    .join(', ');
  console.log(
    `  ${'time'.padEnd(width)}  ${shortMs(result.timings.total)} ms: ${parts}; ` +
      `${shortMs(roundTrip)} ms as the caller sees it`,
  );
  if (repeated)
    console.log(
      `  ${repeated.runs} runs: p50 ${shortMs(repeated.p50)} ms, p99 ${shortMs(repeated.p99)} ms, ` +
        `least ${shortMs(repeated.least)} ms, most ${shortMs(repeated.most)} ms`,
    );
}

/**
 * @param {string|undefined} type
 * @param {Options} options
 */
async function run(type, options) {
  const { server, file } = options;
  if (server && file?.endsWith('.jsonl'))
    return require('./server/run').runLines(
      file,
      /** @type {import('./server/run').Options} */ (/** @type {unknown} */ (options)),
    );
  const { workload, jobOptions, shape } = prepare(type, options);
  if (options.out !== undefined && workload.type !== 'render')
    throw invalid(`--out writes a picture, but ${show(workload.type)} gives none: render does`);
  const runner = await chooseRunner(options, jobOptions);
  try {
    const times = [];
    /** @type {Result|undefined} */
    let result;
    for (let i = 0; i < options.repeat; ++i) {
      const started = nowMs();
      result = await runner.run(workload);
      times.push(nowMs() - started);
    }
    const { outputs: tensors, ...fields } = /** @type {Result} */ (result); // repeat is 1 or more
    if (options.out !== undefined) await writePicture(options.out, tensors.image);
    const outputs = describeOutputs(tensors, options.values);
    const repeated = options.repeat > 1 ? summarize(times) : undefined;
    const roundTrip = times[times.length - 1];
    const what = { workload: workload.type, shape };
    if (options.json) {
      const where = { where: runner.url ? 'server' : 'local', url: runner.url };
      const report = { ...what, ...where, ...fields, roundTrip, repeated, outputs };
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    } else {
      print({ ...what, where: runner.where, result: fields, outputs, roundTrip, repeated });
    }
  } finally {
    await runner.close();
  }
}

/** @param {import('commander').Command} program */
function addRun(program) {
  const command = program
    .command('run')
    .description('run a workload on a running server, or in this process where there is none')
    .argument('[workload]', 'its type: normalize, matmul, attention ...')
    .option('--shape <extents>', 'random inputs of this shape', parseShape)
    .option('--file <file>', 'a workload with its inputs, as JSON (- for stdin); with --server also .jsonl, one a line')
    .option('--params <json>', `its parameters, '{"k":5}' for example`, parseParams)
    .option('--url <url>', 'the server (default: the one on PORT, if it answers)', parseUrl)
    .option('--local', 'run in this process')
    .option('--device <device>', 'cuda, vulkan or cpu; in this process also vulkan:0 and the like')
    .option('--timeout <ms>', 'give up after so many milliseconds', parseCount(1, 2 ** 31 - 1))
    .option('--repeat <times>', 'run it several times', parseCount(1, 1_000_000), 1)
    .option('--values <count>', 'how many values of each output to print', parseCount(0, 2 ** 28), 6)
    .option('--out <file>', 'write the picture of a render workload to this PNG file', parseOut)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `\nShapes (any for the others):\n${describeShapes()}\n\nExit codes: 0 it ran, 1 it failed, 2 wrong usage.`,
    )
    .action(run);
  addServerOptions(command);
}

module.exports = { addRun };
