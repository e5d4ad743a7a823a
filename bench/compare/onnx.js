// Writes ONNX models: the few protobuf messages of a graph, by field number, so that no converter is needed.
'use strict';

const TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 };

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return Buffer.from(bytes);
}

const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, parts) => bytes(field, Buffer.concat(parts));

function float(field, value) {
  const raw = Buffer.alloc(4);
  raw.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), raw]);
}

// { axis: 1, alpha: 0.5 (a number with `float:` in front of its name), perm: [1, 0] }
function attribute(name, value) {
  const ATTRIBUTE = { float: 1, int: 2, ints: 7 };
  if (name.startsWith('float:'))
    return message(5, [text(1, name.slice(6)), float(2, value), integer(20, ATTRIBUTE.float)]);
  if (Array.isArray(value))
    return message(5, [text(1, name), ...value.map((v) => integer(8, v)), integer(20, ATTRIBUTE.ints)]);
  return message(5, [text(1, name), integer(3, value), integer(20, ATTRIBUTE.int)]);
}

const node = ([op, inputs, outputs, attributes = {}, domain = ''], index) =>
  message(1, [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(3, `${op}${index}`),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    ...(domain ? [text(7, domain)] : []),
  ]);

// An extent that is a name may be another one in each run.
const value = (field, name, { type = 'float32', shape }) =>
  message(field, [
    text(1, name),
    message(2, [
      message(1, [
        integer(1, TYPES[type]),
        message(
          2,
          shape.map((size) => message(1, [typeof size === 'string' ? text(2, size) : integer(1, size)])),
        ),
      ]),
    ]),
  ]);

const initializer = (name, { type = 'float32', shape, data }) =>
  message(5, [
    ...shape.map((size) => integer(1, size)),
    integer(2, TYPES[type]),
    text(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);

const operators = (domain, version) => message(8, [text(1, domain), integer(2, version)]);

// nodes: [op, inputs, outputs, attributes, domain][]; inputs and outputs: { name: { type, shape } }; constants carry
// data too.
function model({ nodes, inputs, outputs, constants = {}, domains = {} }) {
  const graph = message(7, [
    ...nodes.map(node),
    text(2, 'bench'),
    ...Object.entries(constants).map(([name, it]) => initializer(name, it)),
    ...Object.entries(inputs).map(([name, it]) => value(11, name, it)),
    ...Object.entries(outputs).map(([name, it]) => value(12, name, it)),
  ]);
  const sets = Object.entries({ '': 17, ...domains }).map(([domain, version]) => operators(domain, version));
  return Buffer.concat([integer(1, 8), text(2, 'switchyard-bench'), graph, ...sets]);
}

module.exports = { model };
