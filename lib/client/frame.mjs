// Messages as binary frames, in Node and in browsers: 'SWYD', version, header length, the message, then its tensors.
// docs/http.md has the layout.
// Written by `npm run generate`.

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {Float32Array|Int32Array|Uint32Array|Int8Array|Uint8Array|Uint16Array} Numbers */
/** @typedef {{ data: Numbers, shape: number[], dtype: string }} Tensor */

const kMagic = [83, 87, 89, 68]; // 'SWYD'
const kVersion = 1;
const kPrefix = 12;
const kAlign = 8;
const kMostDepth = 64;

/** @type {Record<string, new (buffer: ArrayBuffer, offset: number, length: number) => Numbers>} */
const kArrays = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int8: Int8Array,
  uint8: Uint8Array,
};
/** @type {Record<string, string>} what numbers are that come without a dtype */
const kOwnTypes = {
  Float32Array: 'float32',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
};

/** @param {number} bytes */
function aligned(bytes) {
  return Math.ceil(bytes / kAlign) * kAlign;
}

/** @param {Json} value */
function isView(value) {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/**
 * @param {Json} value
 * @returns {Tensor|undefined} undefined: it is none
 */
function asTensor(value) {
  const isBare = isView(value);
  if (!isBare && !isView(value?.data)) return undefined;
  const { data, shape, dtype } = isBare ? { data: value, shape: undefined, dtype: undefined } : value;
  const found = dtype ?? kOwnTypes[data.constructor.name] ?? (data instanceof Uint8Array ? 'uint8' : undefined);
  if (kArrays[found] === undefined || kArrays[found].name !== arrayName(data))
    throw new TypeError(`a tensor has a ${data.constructor.name}, but its dtype is ${found ?? 'missing'}`);
  return { data, shape: shape ?? [data.length], dtype: found };
}

/**
 * Node's Buffer is bytes like any other.
 * @param {Numbers} data
 */
function arrayName(data) {
  return data instanceof Uint8Array ? 'Uint8Array' : data.constructor.name;
}

/**
 * @param {Json} value
 * @param {(tensor: Tensor) => object} place
 * @param {number} [depth]
 * @returns {Json} a copy in which tensors are what `place` says of them
 */
function replaceTensors(value, place, depth = 0) {
  if (value === null || typeof value !== 'object') return value;
  if (depth > kMostDepth) throw new TypeError(`params are nested deeper than ${kMostDepth}`);
  const tensor = asTensor(value);
  if (tensor) return place(tensor);
  if (Array.isArray(value))
    return typeof value[0] === 'number' ? value : value.map((each) => replaceTensors(each, place, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, replaceTensors(each, place, depth + 1)]),
  );
}

/**
 * @param {object} message with tensors anywhere in it
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {TypeError} numbers that no tensor can have
 */
function encodeFrame(message) {
  /** @type {{ bytes: Uint8Array, at: number }[]} */
  const parts = [];
  let size = 0;
  const header = replaceTensors(message, ({ data, shape, dtype }) => {
    const at = size;
    parts.push({ bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at });
    size = aligned(size + data.byteLength);
    return { shape, dtype, offset: at };
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = aligned(kPrefix + text.length);
  const frame = new Uint8Array(start + size);
  frame.set(kMagic);
  const view = new DataView(frame.buffer);
  view.setUint32(4, kVersion, true);
  view.setUint32(8, text.length, true);
  frame.set(text, kPrefix);
  for (const { bytes, at } of parts) frame.set(bytes, start + at);
  return frame;
}

/**
 * @param {Json} value
 * @param {ArrayBuffer} buffer
 * @param {number} start of the tensors
 * @returns {Json} with tensors that view the frame's memory
 */
function placeTensors(value, buffer, start) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && typeof value[i] === 'object'; ++i)
      value[i] = placeTensors(value[i], buffer, start);
    return value;
  }
  const { shape, dtype, offset, ...rest } = value;
  if (Array.isArray(shape) && typeof offset === 'number' && kArrays[dtype] && Object.keys(rest).length === 0) {
    const length = shape.reduce((product, extent) => product * extent, 1);
    return { data: new kArrays[dtype](buffer, start + offset, length), shape, dtype };
  }
  for (const [name, each] of Object.entries(value)) value[name] = placeTensors(each, buffer, start);
  return value;
}

/**
 * @param {ArrayBuffer} buffer
 * @returns {Json} the message, with its tensors
 * @throws {Error} it is no frame, or its header lies
 */
function decodeFrame(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (bytes.length < kPrefix || kMagic.some((byte, i) => bytes[i] !== byte)) throw new Error('it is no frame');
  const version = view.getUint32(4, true);
  if (version !== kVersion) throw new Error(`it has version ${version} of the format`);
  const length = view.getUint32(8, true);
  if (length > bytes.length - kPrefix) throw new Error(`its header has ${length} bytes, but it is shorter`);
  const header = JSON.parse(
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(kPrefix, kPrefix + length)),
  );
  return placeTensors(header, buffer, aligned(kPrefix + length));
}

export { encodeFrame, decodeFrame };
