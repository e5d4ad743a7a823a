// A BERT as an ONNX graph over padded texts, by the steps that exporters of PyTorch models write, or with the fused
// attention that ONNX Runtime's own optimizer of transformers puts in its place; float32, or dynamic int8 as its
// quantizer makes it: DynamicQuantizeLinear and MatMulInteger.
'use strict';
const { model } = require('../compare/onnx');

const kFused = 'com.microsoft';
const scalar = (value) => ({ shape: [], data: Float32Array.of(value) });
const whole = (...values) => ({ type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });

/** Rows to columns: a product's right-hand factor is [in, out]. */
function turned({ shape: [rows, columns], data }) {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; ++i) for (let j = 0; j < columns; ++j) out[j * rows + i] = data[i * columns + j];
  return { shape: [columns, rows], data: out };
}

/** Codes of a weight [in, out] with a scale for each output. */
function quantized({ shape: [rows, columns], data }) {
  const scales = new Float32Array(columns);
  for (let i = 0; i < data.length; ++i) {
    const j = i % columns;
    scales[j] = Math.max(scales[j], Math.abs(data[i]) / 127);
  }
  const codes = Int8Array.from(data, (value, i) => Math.round(value / scales[i % columns]));
  return { codes: { type: 'int8', shape: [rows, columns], data: codes }, scales: { shape: [columns], data: scales } };
}

class EncoderGraph {
  nodes = [];
  constants = {};
  #quantizedInputs = new Map();

  constructor(tensors, sizes, { int8, fused, prefix }) {
    Object.assign(this, { tensors, sizes, int8, fused, prefix });
    Object.assign(this.constants, {
      one: scalar(1),
      half: scalar(0.5),
      root: scalar(Math.SQRT2),
      hidden: scalar(-3.4e38),
      depth: scalar(Math.sqrt(sizes.width / sizes.heads)),
      zero: whole(0),
      first: { type: 'int64', shape: [], data: BigInt64Array.of(0n) },
      axis1: whole(1),
      axes12: whole(1, 2),
      toHeads: whole(0, 0, sizes.heads, sizes.width / sizes.heads),
      fromHeads: whole(0, 0, sizes.width),
    });
  }

  add(op, inputs, output, attributes, domain) {
    this.nodes.push([op, inputs, [output].flat(), attributes, domain]);
    return output;
  }

  constant(name, value) {
    this.constants[name] = value;
    return name;
  }

  tensor(name) {
    const found = this.tensors.get(this.prefix + name) ?? this.tensors.get(name);
    if (!found) throw new Error(`no tensor ${name}`);
    return found;
  }

  weight(name) {
    return this.constant(name, this.tensor(name));
  }

  /** input weight^T + bias */
  linear(input, name, output) {
    const product = this.int8 ? this.int8Product(input, name) : this.product(input, name);
    return this.add('Add', [product, this.weight(`${name}.bias`)], output);
  }

  product(input, name) {
    return this.add('MatMul', [input, this.constant(name, turned(this.tensor(`${name}.weight`)))], `${name}.product`);
  }

  int8Product(input, name) {
    const { codes, scales } = quantized(turned(this.tensor(`${name}.weight`)));
    let row = this.#quantizedInputs.get(input);
    if (!row) {
      row = [`${input}.codes`, `${input}.scale`, `${input}.zero`];
      this.add('DynamicQuantizeLinear', [input], row);
      this.#quantizedInputs.set(input, row);
    }
    const [rows, scale, zero] = row;
    const weightZero = this.constant(`${name}.zero`, { type: 'int8', shape: [], data: Int8Array.of(0) });
    this.add('MatMulInteger', [rows, this.constant(name, codes), zero, weightZero], `${name}.sums`);
    this.add('Cast', [`${name}.sums`], `${name}.float`, { to: 1 });
    this.add('Mul', [scale, this.constant(`${name}.scales`, scales)], `${name}.factor`);
    return this.add('Mul', [`${name}.float`, `${name}.factor`], `${name}.product`);
  }

  norm(input, name, output) {
    const inputs = [input, this.weight(`${name}.weight`), this.weight(`${name}.bias`)];
    return this.add('LayerNormalization', inputs, output, { axis: -1, 'float:epsilon': this.sizes.epsilon });
  }

  embeddings() {
    this.add('Gather', [this.weight('embeddings.word_embeddings.weight'), 'ids'], 'words');
    this.add('Shape', ['ids'], 'length', { start: 1, end: 2 });
    const positions = this.weight('embeddings.position_embeddings.weight');
    this.add('Slice', [positions, 'zero', 'length', 'zero'], 'places');
    this.add('Gather', [this.weight('embeddings.token_type_embeddings.weight'), 'types'], 'typeRows');
    this.add('Add', ['words', 'typeRows'], 'wordsAndTypes');
    this.add('Add', ['wordsAndTypes', 'places'], 'embedded');
    this.add('Cast', ['mask'], 'maskRows', { to: 1 });
    if (this.fused) this.add('Cast', ['mask'], 'maskWhole', { to: 6 });
    this.add('Unsqueeze', ['maskRows', 'axes12'], 'maskWide');
    this.add('Sub', ['one', 'maskWide'], 'maskTurned');
    this.add('Mul', ['maskTurned', 'hidden'], 'maskScores');
    return this.norm('embedded', 'embeddings.LayerNorm', 'x0');
  }

  attention(input, at) {
    const parts = ['query', 'key', 'value'];
    if (this.fused) {
      const products = parts.map((part) =>
        this.int8
          ? this.linear(input, `${at}.attention.self.${part}`, `${at}.${part}`)
          : this.product(input, `${at}.attention.self.${part}`),
      );
      const biases = parts.map((part) => this.tensor(`${at}.attention.self.${part}.bias`).data);
      const { width, heads } = this.sizes;
      const bias = this.int8
        ? ''
        : this.constant(`${at}.bias`, { shape: [3 * width], data: Float32Array.from(biases.flatMap((it) => [...it])) });
      const inputs = [...products, bias, 'maskWhole'];
      return this.add('MultiHeadAttention', inputs, `${at}.seen`, { num_heads: heads }, kFused);
    }
    for (const part of parts) {
      this.linear(input, `${at}.attention.self.${part}`, `${at}.${part}Rows`);
      this.add('Reshape', [`${at}.${part}Rows`, 'toHeads'], `${at}.${part}Heads`);
      const perm = part === 'key' ? [0, 2, 3, 1] : [0, 2, 1, 3];
      this.add('Transpose', [`${at}.${part}Heads`], `${at}.${part}`, { perm });
    }
    this.add('MatMul', [`${at}.query`, `${at}.key`], `${at}.raw`);
    this.add('Div', [`${at}.raw`, 'depth'], `${at}.scaled`);
    this.add('Add', [`${at}.scaled`, 'maskScores'], `${at}.scores`);
    this.add('Softmax', [`${at}.scores`], `${at}.weights`, { axis: -1 });
    this.add('MatMul', [`${at}.weights`, `${at}.value`], `${at}.seenHeads`);
    this.add('Transpose', [`${at}.seenHeads`], `${at}.seenTurned`, { perm: [0, 2, 1, 3] });
    return this.add('Reshape', [`${at}.seenTurned`, 'fromHeads'], `${at}.seen`);
  }

  gelu(input) {
    this.add('Div', [input, 'root'], `${input}.divided`);
    this.add('Erf', [`${input}.divided`], `${input}.erf`);
    this.add('Add', [`${input}.erf`, 'one'], `${input}.moved`);
    this.add('Mul', [input, `${input}.moved`], `${input}.twice`);
    return this.add('Mul', [`${input}.twice`, 'half'], `${input}.gelu`);
  }

  layer(input, i) {
    const at = `encoder.layer.${i}`;
    const seen = this.linear(this.attention(input, at), `${at}.attention.output.dense`, `${at}.projected`);
    this.add('Add', [seen, input], `${at}.attended`);
    const normed = this.norm(`${at}.attended`, `${at}.attention.output.LayerNorm`, `${at}.normed`);
    const inner = this.gelu(this.linear(normed, `${at}.intermediate.dense`, `${at}.inner`));
    const outer = this.linear(inner, `${at}.output.dense`, `${at}.outer`);
    this.add('Add', [outer, normed], `${at}.sum`);
    return this.norm(`${at}.sum`, `${at}.output.LayerNorm`, `x${i + 1}`);
  }

  encoder() {
    let x = this.embeddings();
    for (let i = 0; i < this.sizes.layers; ++i) x = this.layer(x, i);
    return x;
  }

  /** The mean of each text's tokens, of length 1. */
  meanPool(x) {
    this.add('Unsqueeze', ['maskRows', this.constant('axis2', whole(2))], 'maskColumn');
    this.add('Mul', [x, 'maskColumn'], 'kept');
    this.add('ReduceSum', ['kept', 'axis1'], 'sums', { keepdims: 0 });
    this.add('ReduceSum', ['maskRows', 'axis1'], 'counts', { keepdims: 1 });
    this.add('Div', ['sums', 'counts'], 'means');
    this.add('ReduceL2', ['means'], 'norms', { axes: [1], keepdims: 1 });
    return this.add('Div', ['means', 'norms'], 'rows');
  }

  /** The score of a cross-encoder with one label. */
  score(x) {
    this.add('Gather', [x, 'first'], 'firstTokens', { axis: 1 });
    this.add('Tanh', [this.linear('firstTokens', 'pooler.dense', 'pooled')], 'pooledTanh');
    return this.add('Sigmoid', [this.linear('pooledTanh', 'classifier', 'logits')], 'rows');
  }
}

/**
 * @param {Map<string, { shape: number[], data: Float32Array }>} tensors as safetensors has them
 * @param {import('./generated-model').kMiniLM} sizes
 * @param {{ int8?: boolean, fused?: boolean, isCrossEncoder?: boolean }} [options]
 * @returns {Buffer} the model; inputs ids, types and mask, int64 [batch, length], output rows [batch, width or 1]
 */
function encoderModel(tensors, sizes, { int8 = false, fused = false, isCrossEncoder = false } = {}) {
  const graph = new EncoderGraph(tensors, sizes, { int8, fused, prefix: isCrossEncoder ? 'bert.' : '' });
  const x = graph.encoder();
  if (isCrossEncoder) graph.score(x);
  else graph.meanPool(x);
  const read = new Set(graph.nodes.flatMap(([, inputs]) => inputs));
  const padded = { type: 'int64', shape: ['batch', 'length'] };
  return model({
    nodes: graph.nodes,
    constants: Object.fromEntries(Object.entries(graph.constants).filter(([name]) => read.has(name))),
    inputs: { ids: padded, types: padded, mask: padded },
    outputs: { rows: { shape: ['batch', isCrossEncoder ? 1 : sizes.width] } },
    domains: fused ? { [kFused]: 1 } : {},
  });
}

module.exports = { encoderModel };
