// A call of a graph.
'use strict';
const { native, layouts } = require('../addon');
const { nextIdHere } = require('./pending');
const { encodeGraph, isOnDevice, decisiveNumbers } = require('./graph');
const { kDirect } = require('./encode');
const { Call } = require('./call');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('../addon/native').NativeContext} NativeContext */
/** @typedef {import('../addon/native').NativeChannel} NativeChannel */

const { id: kIdAt } = layouts.graph;

/** A graph. */
class GraphCall extends Call {
  /** @type {import('./graph').GraphDescription} */
  graph;
  isKept = false;
  type = 'graph';
  owner = 'graph';

  /**
   * @param {Fields} workload
   * @param {unknown} into
   */
  constructor(workload, into) {
    super();
    this.graph = encodeGraph(workload, into);
    this.values = this.graph.inputs.map((name) => /** @type {Fields} */ (workload.inputs)[name]);
    this.id = /** @type {string|undefined} */ (workload.id);
    this.kind = this.graph.kind;
    this.outputs = this.graph.outputs;
    this.targets = this.graph.targets;
  }

  /** @param {NativeContext} context */
  run(context) {
    const { numbers, arrays, targets } = this.graph;
    this.number = numbers[kIdAt] = nextIdHere();
    if (arrays.length > kDirect) return context.runGraph(numbers, targets, arrays);
    return context.runGraph(numbers, targets, arrays[0], arrays[1], arrays[2], arrays[3]);
  }

  /** @param {NativeChannel} channel */
  ask(channel) {
    const { numbers, arrays, targets } = this.graph;
    numbers[kIdAt] = this.number;
    return native.askGraph(channel, numbers, arrays, targets);
  }

  /** @returns {import('../addon/native').NativeEstimate} */
  estimate() {
    return native.estimateGraph(this.graph.numbers, this.graph.arrays);
  }

  /** @param {unknown} where */
  holds(where) {
    return [this.graph.arrays, this.targets, where];
  }

  /** The next graph that is described may have the same numbers. */
  keep() {
    this.graph = { ...this.graph, numbers: this.graph.numbers.slice() };
    this.isKept = true;
    return this;
  }

  /** @returns {import('./call').Identity} */
  identity() {
    const { values } = this;
    return {
      what: 'graph',
      numbers: decisiveNumbers(this.graph),
      inputs: this.graph.arrays.map((memory, i) => ({ value: values[i], memory })),
    };
  }

  refuseDeviceTensors() {
    const { inputs } = this.graph;
    for (let i = 0; i < inputs.length; ++i)
      if (isOnDevice(this.graph, i)) throw this.refuseDeviceTensor('input', inputs[i]);
  }

  /** @returns {this|undefined} for the same job again; undefined: it has to be described anew */
  again() {
    return this.isKept ? this : undefined;
  }
}

module.exports = { GraphCall };
