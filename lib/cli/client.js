// A client of the HTTP service, in the binary format: what `switchyard run` speaks to a running server.
'use strict';
const http = require('node:http');
const https = require('node:https');
const { asGpuError } = require('../core');
const { encodeFrame, decodeFrame, kType, readTensor } = require('../exchange');

const kProbeMs = 1000;

/**
 * @param {URL} url
 * @param {{ method?: string, headers?: Record<string, string|number>, pieces?: Uint8Array[], timeout?: number }}
 *   [options] `timeout`: ms until the head of the answer
 * @returns {Promise<{ status: number, type: string, bytes: Buffer }>}
 */
function exchange(url, { method = 'GET', headers = {}, pieces = [], timeout } = {}) {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method, headers, signal: timeout ? AbortSignal.timeout(timeout) : undefined },
      (response) => {
        /** @type {Buffer[]} */
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const joined = Buffer.concat(chunks);
          const bytes = Buffer.allocUnsafeSlow(joined.length); // tensors lie aligned in memory of its own
          joined.copy(bytes);
          resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', bytes });
        });
      },
    );
    outgoing.once('error', reject);
    for (const piece of pieces) outgoing.write(piece);
    outgoing.end();
  });
}

/**
 * Whether a switchyard server answers there.
 * @param {URL} url
 */
async function answers(url) {
  try {
    const { status, bytes } = await exchange(new URL('/', url), {
      headers: { accept: 'application/json' },
      timeout: kProbeMs,
    });
    return status === 200 && JSON.parse(bytes.toString()).name === 'switchyard';
  } catch {
    return false;
  }
}

/**
 * @param {Buffer} bytes
 * @param {number} status
 * @returns {Error} with what the server says of it
 */
function failureOf(bytes, status) {
  try {
    const { error } = JSON.parse(bytes.toString());
    if (typeof error.code === 'string' && typeof error.message === 'string') return asGpuError(error);
  } catch {
    // whatever answers there is no server of ours
  }
  return new Error(`the server answered with status ${status}`);
}

/**
 * @param {URL} url of the server
 * @param {import('../exchange/workload').RequestedWorkload} workload
 * @param {object} options of the job
 * @returns {Promise<import('../index').GPUResult>} the result, as executeWorkload() gives it
 * @throws {Error} with the `code` and the details of the server's answer, as a GPUError
 */
async function runRemote(url, workload, options) {
  const { inputs, ...rest } = workload;
  const pieces = encodeFrame({ ...rest, options }, 'inputs', inputs);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { status, type, bytes } = await exchange(new URL('/v1/workloads', url), {
    method: 'POST',
    headers: { 'content-type': kType, 'content-length': length },
    pieces,
  });
  if (status !== 200 || !type.startsWith(kType)) throw failureOf(bytes, status);
  const { header: given, section } = decodeFrame(bytes);
  const header = /** @type {import('../index').GPUResult} */ (given); // its tensors are checked below
  /** @type {Record<string, import('../index').Tensor>} */
  const outputs = {};
  for (const name of Object.keys(header.outputs))
    outputs[name] = readTensor(header.outputs[name], section, `output '${name}'`);
  return { ...header, outputs };
}

module.exports = { answers, runRemote };
