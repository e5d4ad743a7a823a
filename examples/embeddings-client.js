// Vectors made ready and searched by a server, over one WebSocket: binary frames there and back. Start a server with
// `npm run cluster:start` first. `node examples/embeddings-client.js [ws://localhost:3001]`; a token in AUTH_TOKEN.
'use strict';
const WebSocket = require('ws');

const kUrl = process.argv[2] ?? 'ws://localhost:3001';
const kRows = 256;
const kDimensions = 768;
const aligned = (bytes) => Math.ceil(bytes / 8) * 8;

/** A message as a binary frame (docs/rpc.md): `tensors` go behind it, in the places that their names say. */
function encode(message, tensors) {
  let offset = 0;
  const sections = [];
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    message.params[name] = { shape, dtype: 'float32', offset };
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    sections.push(bytes, Buffer.alloc(aligned(bytes.length) - bytes.length));
    offset += aligned(bytes.length);
  }
  const header = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(aligned(12 + header.length));
  head.write('SWYD', 'latin1');
  head.writeUInt32LE(1, 4);
  head.writeUInt32LE(header.length, 8);
  header.copy(head, 12);
  return Buffer.concat([head, ...sections]);
}

/** The message of a frame, and a function that reads one of its tensors. */
function decode(bytes) {
  const length = bytes.readUInt32LE(8);
  const message = JSON.parse(bytes.toString('utf8', 12, 12 + length));
  const own = bytes.buffer.slice(bytes.byteOffset + aligned(12 + length), bytes.byteOffset + bytes.length);
  const kinds = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array };
  const read = ({ shape, dtype, offset }) =>
    new kinds[dtype](
      own,
      offset,
      shape.reduce((product, extent) => product * extent, 1),
    );
  return { message, read };
}

function connect() {
  const headers = process.env.AUTH_TOKEN ? { authorization: `Bearer ${process.env.AUTH_TOKEN}` } : {};
  const socket = new WebSocket(kUrl, 'mcp', { headers });
  const waiting = new Map();
  let last = 0;
  socket.on('message', (data, isBinary) => {
    const { message, read } = isBinary ? decode(data) : { message: JSON.parse(data.toString()) };
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) reject(new Error(`${message.error.message} (${message.error.data.remedy})`));
    else resolve({ ...message.result, read });
  });
  /** Calls a method; with tensors the message is a binary one. */
  const call = (method, params, tensors) =>
    new Promise((resolve, reject) => {
      const message = { jsonrpc: '2.0', id: ++last, method, params };
      waiting.set(message.id, { resolve, reject });
      socket.send(tensors ? encode(message, tensors) : JSON.stringify(message));
    });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ call, close: () => socket.close() }));
    socket.once('error', ({ message }) => reject(new Error(`${kUrl}: ${message} (is npm run cluster:start running?)`)));
  });
}

async function main() {
  const { call, close } = await connect();
  const data = Float32Array.from({ length: kRows * kDimensions }, (_, i) => Math.sin(i * 1.7 + (i % 13)));
  const vectors = { data, shape: [kRows, kDimensions] };

  const began = performance.now();
  const params = { options: { quantization: true } };
  const made = await call('processEmbeddings', params, { embeddings: vectors });
  const codes = made.read(made.embeddings);
  console.log(`${kRows} x ${kDimensions} as codes of 8 bits: ${(performance.now() - began).toFixed(1)} ms`);
  console.log(`the first: ${codes.subarray(0, 6).join(' ')} ..., each times ${made.read(made.scales)[0].toFixed(6)}`);

  const index = 'example-client';
  await call('index_create', { index, dimensions: kDimensions });
  await call('index_upsert', { index, ids: Array.from({ length: kRows }, (_, i) => i) }, { vectors });
  const query = { data: data.subarray(7 * kDimensions, 8 * kDimensions), shape: [kDimensions] };
  const { results } = await call('index_search', { index, k: 3 }, { vectors: query });
  console.log(
    `nearest to row 7: ${results[0].ids.map((id, i) => `${id} (${results[0].scores[i].toFixed(4)})`).join(', ')}`,
  );
  close();
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
