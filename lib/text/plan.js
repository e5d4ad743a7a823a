// From a model's description to the nodes of a graph over packed tokens, and from texts' ids to its inputs.
// A family is a table (families/): what its config.json says as sizes, its tensors, and its steps in order. Steps read
// earlier steps' outputs, tensors, and what a batch has: ids, typeIds and positions [t], offsets [n + 1], and pairs
// [s, s] where the family has them (s: the longest text of the batch). The last step's output is 'hidden' [t, d].
'use strict';
const { fitStep } = require('./precision');

/** @typedef {import('../index').TensorLike} TensorLike */
/** @typedef {Record<string, string>} Names */
/**
 * `output`: its name, or those of several.
 * @typedef {{ type: string, inputs: Names, output: string, params: Record<string, unknown> }} Step
 */
/**
 * A tensor of a model: what the graph calls it, and the names that a file may have for it, the first that is there.
 * `weight`: read by linear; `table`: by gather; `vector`: small, and never made narrower. `file`: of which part of the
 * folder, where it is not the model's own.
 * @typedef {object} TensorSpec
 * @property {string} name
 * @property {string[]} from
 * @property {number[]} shape
 * @property {'weight'|'table'|'vector'} kind
 * @property {string} [file]
 * @property {boolean} [careful] its rounding shows more than that of others: it has 8 bits at least
 * @property {import('./stored').Stored} [stored] how a file has it, where that is not as it is wanted
 */
/**
 * @template Sizes
 * @typedef {import('./family').Family<Sizes>} Family
 */
/** @typedef {Family<Width>} AnyFamily */
/** @typedef {{ width: number }} Width of a token, which all families have among their sizes */
/**
 * What comes behind the encoder: from 'hidden' [t, d] to 'rows' [n, d].
 * @typedef {{ tensors: TensorSpec[], steps: Step[], normalize: boolean, dimensions: number }} Tail
 */
/**
 * What a call wants of the rows: normalized, only so many of their columns, and as which dtype.
 * @typedef {{ normalize?: boolean, dimensions?: number, dtype?: import('../index').DType }} Wanted
 */
/** @typedef {{ ids: Int32Array, typeIds: Int32Array, offsets: Int32Array }} Batch tokens of texts side by side */
/** @typedef {{ type: string, inputs: Names, outputs: Names, params: Record<string, unknown> }} Node */

/**
 * What a graph is run with: its nodes and outputs, the inputs that are neither tensors nor a batch's, and, where jobs
 * may become one launch, which inputs have a row for each token.
 * @typedef {object} Graph
 * @property {readonly Node[]} nodes
 * @property {string[]} outputs
 * @property {Record<string, TensorLike>} inputs
 * @property {string[]} [rows]
 */

const { freeze } = Object;
const kMostPairs = 4; // kept: texts of one batch after the other are often as long

/**
 * Fixed in all its parts: a graph whose nodes can't have changed is known again at a glance.
 * @param {Step} step
 * @returns {Node}
 */
function nodeOf({ type, inputs, output, params = {} }) {
  const fixed = Object.entries(params).map(([name, value]) => [
    name,
    Array.isArray(value) ? freeze([...value]) : value,
  ]);
  return freeze({
    type,
    inputs: freeze({ ...inputs }),
    params: freeze(Object.fromEntries(fixed)),
    outputs: freeze({ output }),
  });
}

/**
 * @param {string} type
 * @param {Names} inputs
 * @param {string} output
 * @param {Record<string, unknown>} [params]
 * @returns {Step}
 */
function step(type, inputs, output, params = {}) {
  return { type, inputs, output, params };
}

class Plan {
  #family;
  #sizes;
  #tail;
  #steps;
  #normalizes;
  #used;
  #rows;
  /** @type {Map<string, Graph>} by what is wanted */
  #graphs = new Map();
  /** @type {Map<number, TensorLike>} by the longest text */
  #pairs = new Map();

  /**
   * @param {AnyFamily} family
   * @param {Width} sizes what family.read() has made of config.json
   * @param {Tail} tail
   * @param {ReadonlyMap<string, import('./precision').Form>} [forms] how tensors are read that are not as files have
   *   them
   */
  constructor(family, sizes, tail, forms = new Map()) {
    this.#family = family;
    this.#sizes = sizes;
    this.#tail = tail;
    this.#steps = [...family.steps(sizes), ...tail.steps].map((each) => fitStep(each, forms));
    this.#normalizes = tail.normalize;
    this.#used = new Set(this.#steps.flatMap(({ inputs }) => Object.values(inputs)));
    this.#rows = ['ids', 'typeIds', 'positions'].filter((name) => this.#used.has(name));
    /** @readonly */
    this.tensors = [...family.tensors(sizes), ...tail.tensors];
    /** @readonly whose attention can be asked for */
    this.layers = this.#steps.filter(({ type }) => type === 'attention').length;
    /** @readonly */
    this.dimensions = tail.dimensions;
  }

  /**
   * The same with tensors in another precision.
   * @param {ReadonlyMap<string, import('./precision').Form>} forms
   */
  reading(forms) {
    return new Plan(this.#family, this.#sizes, this.#tail, forms);
  }

  /**
   * A graph whose first output is what is wanted, and whose second the attention of a layer, where that is asked for:
   * [heads, t, t], of a batch of one text.
   * @param {Wanted} wanted
   * @param {number} [layer]
   * @returns {Graph}
   */
  graph(wanted, layer) {
    const { normalize = this.#normalizes, dimensions, dtype = 'float32' } = wanted;
    const key = `${normalize} ${dimensions} ${dtype} ${layer}`;
    let graph = this.#graphs.get(key);
    if (!graph) {
      const steps = [...this.#steps];
      /** @type {Record<string, TensorLike>} */
      const inputs = {};
      let rows = 'rows';
      if (dimensions !== undefined && dimensions < this.dimensions) {
        // As rows of the transposed, because then no step has to say how many rows a batch has.
        inputs.prefix = Int32Array.from({ length: dimensions }, (_, i) => i);
        steps.push(step('transpose', { input: rows }, 'columns', { axes: [1, 0] }));
        steps.push(step('gather', { table: 'columns', indices: 'prefix' }, 'prefixColumns'));
        steps.push(step('transpose', { input: 'prefixColumns' }, (rows = 'prefixRows'), { axes: [1, 0] }));
      }
      if (normalize) steps.push(step('normalize', { input: rows }, (rows = 'normalized')));
      if (dtype !== 'float32') steps.push(step('cast', { input: rows }, (rows = 'narrowed'), { dtype }));
      const outputs = [rows];
      if (layer !== undefined) {
        steps.push(...this.#attentionSteps(layer));
        outputs.push('weights');
      }
      // Jobs with inputs of their own that are no rows are not alike.
      const isAlike = layer === undefined && inputs.prefix === undefined && !this.#used.has('pairs');
      graph = { nodes: freeze(steps.map(nodeOf)), outputs, inputs, rows: isAlike ? this.#rows : undefined };
      this.#graphs.set(key, graph);
    }
    return graph;
  }

  /**
   * What the attention of a layer weighs with. The packed form keeps no weights, so they are worked out beside it from
   * what it was given.
   * @param {number} layer
   * @returns {Step[]}
   */
  #attentionSteps(layer) {
    const { inputs, params } = this.#steps.filter(({ type }) => type === 'attention')[layer];
    const query = this.#steps.find(({ output }) => output === inputs.query);
    const shape = /** @type {number[]} */ (query?.params.shape);
    const alpha = params.scale ?? 1 / Math.sqrt(shape[2]);
    const heads = (/** @type {string} */ of, /** @type {string} */ output) =>
      step('transpose', { input: of }, output, { axes: [1, 0, 2] });
    const scores = step('matmul', { a: 'queryHeads', b: 'keyHeads' }, 'scores', { transposeB: true, alpha });
    const biased = inputs.bias === undefined ? [] : [step('add', { a: 'scores', b: inputs.bias }, 'biasedScores')];
    return [
      heads(inputs.query, 'queryHeads'),
      heads(inputs.key, 'keyHeads'),
      scores,
      ...biased,
      step('softmax', { input: inputs.bias === undefined ? 'scores' : 'biasedScores' }, 'weights'),
    ];
  }

  /**
   * A batch as the graph's inputs.
   * @param {Batch} batch
   * @returns {Record<string, TensorLike>}
   */
  inputs({ ids, typeIds, offsets }) {
    /** @type {Record<string, TensorLike>} */
    const inputs = { ids, offsets };
    if (this.#used.has('typeIds')) inputs.typeIds = typeIds;
    if (this.#used.has('positions')) inputs.positions = this.#positionsOf(ids, offsets);
    if (this.#used.has('pairs')) inputs.pairs = this.#pairsOf(offsets);
    return inputs;
  }

  /**
   * @param {Int32Array} ids
   * @param {Int32Array} offsets
   */
  #positionsOf(ids, offsets) {
    const { first, skipped } = this.#family.positions?.(this.#sizes) ?? { first: 0, skipped: -1 };
    const positions = new Int32Array(ids.length);
    for (let text = 0; text + 1 < offsets.length; ++text)
      for (let i = offsets[text], next = first; i < offsets[text + 1]; ++i)
        positions[i] = ids[i] === skipped ? skipped : next++;
    return positions;
  }

  /**
   * @param {Int32Array} offsets
   * @returns {TensorLike}
   */
  #pairsOf(offsets) {
    let longest = 0;
    for (let i = 1; i < offsets.length; ++i) longest = Math.max(longest, offsets[i] - offsets[i - 1]);
    let pairs = this.#pairs.get(longest);
    if (!pairs) {
      const { pairs: make } = this.#family;
      if (!make) throw new TypeError(`the family ${this.#family.name} has steps with pairs, and makes none`);
      pairs = { data: make(longest), shape: [longest, longest] };
      this.#pairs.set(longest, pairs);
      if (this.#pairs.size > kMostPairs) this.#pairs.delete(this.#pairs.keys().next().value ?? longest);
    }
    return pairs;
  }
}

module.exports = { Plan };
