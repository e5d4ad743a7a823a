// Messages as binary frames, in Node and in browsers: 'SWYD', version, header length, the message, then its tensors.
// docs/http.md has the layout.
// Written by `npm run generate`.

/** @typedef {Float32Array|Int32Array|Uint32Array|Int8Array|Uint8Array|Uint16Array} Numbers */
/** @typedef {{ data: Numbers, shape: number[], dtype: string }} Tensor */
/** @typedef {Record<string, unknown>} Fields */

const kMagic = [83, 87, 89, 68]; // 'SWYD'
const kVersion = 1;
const kPrefix = 12;
const kAlign = 8;
const kMostDepth = 64;

/**
 * @type {Record<string, (new (buffer: ArrayBuffer, offset: number, length: number) => Numbers)
 *   & { BYTES_PER_ELEMENT: number }>}
 */
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

/**
 * @param {unknown} value
 * @returns {value is Numbers}
 */
function isView(value) {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/**
 * @param {object} value
 * @returns {Tensor|undefined} undefined: it is none
 */
function asTensor(value) {
  /** @type {{ data?: unknown, shape?: number[], dtype?: string }} */
  const { data, shape, dtype } = isView(value) ? { data: value } : value;
  if (!isView(data)) return undefined;
  const found = dtype ?? kOwnTypes[data.constructor.name] ?? (data instanceof Uint8Array ? 'uint8' : '');
  if (kArrays[found]?.name !== arrayName(data))
    throw new TypeError(`a tensor has a ${data.constructor.name}, but its dtype is ${found || 'missing'}`);
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
 * @param {unknown} value
 * @param {(tensor: Tensor) => object} place
 * @param {number} [depth]
 * @returns {unknown} a copy in which tensors are what `place` says of them
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
 * Puts tensors where a message says that there are some.
 * @param {unknown} value
 * @param {(written: Fields) => Tensor|undefined} read undefined: it is none
 * @returns {unknown} the value, changed
 */
function placeTensors(value, read) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && typeof value[i] === 'object'; ++i) value[i] = placeTensors(value[i], read);
    return value;
  }
  const fields = /** @type {Fields} */ (value);
  const tensor = Array.isArray(fields.shape) && kArrays[String(fields.dtype)] ? read(fields) : undefined;
  if (tensor) return tensor;
  for (const [name, each] of Object.entries(fields)) fields[name] = placeTensors(each, read);
  return fields;
}

/**
 * A tensor that lies behind the header.
 * @param {Fields} written
 * @param {ArrayBuffer} buffer
 * @param {number} start of the tensors
 * @returns {Tensor|undefined} that views the frame's memory; undefined: it is none
 */
function placedTensor({ shape, dtype, offset, ...rest }, buffer, start) {
  if (typeof offset !== 'number' || Object.keys(rest).length > 0) return undefined;
  const extents = /** @type {number[]} */ (shape);
  const length = extents.reduce((product, extent) => product * extent, 1);
  return { data: new kArrays[String(dtype)](buffer, start + offset, length), shape: extents, dtype: String(dtype) };
}

const scratch = new DataView(new ArrayBuffer(4));

/** @param {unknown} value @returns {number} the bits of a float32 */
function floatBits(value) {
  scratch.setFloat32(0, Number(value));
  return scratch.getUint32(0);
}

/** @param {unknown} value that a bfloat16 can hold @returns {number} its bits */
function brainBits(value) {
  return floatBits(value) >>> 16;
}

/** @param {unknown} value that a float16 can hold @returns {number} its bits */
function halfBits(value) {
  const bits = floatBits(value);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff - 127 + 15) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  if (exponent > 0) return sign | (exponent << 10) | (fraction >>> 13);
  return exponent < -10 ? sign : sign | ((fraction | 0x800000) >>> (14 - exponent));
}

/**
 * A tensor that is written out, in numbers or base64: what no frame has room for comes so.
 * @param {Fields} written
 * @returns {Tensor|undefined} undefined: it is none
 */
function writtenTensor({ data, shape, dtype, encoding, ...rest }) {
  if (Object.keys(rest).length > 0) return undefined;
  const given = { shape: /** @type {number[]} */ (shape), dtype: String(dtype) };
  const array = kArrays[given.dtype];
  if (encoding === 'base64' && typeof data === 'string') {
    const { buffer } = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    return { data: new array(buffer, 0, buffer.byteLength / array.BYTES_PER_ELEMENT), ...given };
  }
  if (encoding !== undefined || !Array.isArray(data)) return undefined;
  const numbers = given.dtype.endsWith('float16') ? data.map(given.dtype === 'float16' ? halfBits : brainBits) : data;
  const made = new array(new ArrayBuffer(numbers.length * array.BYTES_PER_ELEMENT), 0, numbers.length);
  made.set(numbers);
  return { data: made, ...given };
}

/**
 * @param {ArrayBuffer} buffer
 * @returns {unknown} the message, with its tensors
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
  const start = aligned(kPrefix + length);
  return placeTensors(header, (written) => placedTensor(written, buffer, start));
}

/**
 * @param {string} text
 * @returns {unknown} the message, with its tensors
 * @throws {Error} it is no JSON
 */
function decodeText(text) {
  return placeTensors(JSON.parse(text), writtenTensor);
}

export { encodeFrame, decodeFrame, decodeText };
