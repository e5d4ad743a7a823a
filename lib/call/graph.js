// Graphs: names become numbers, nodes are put in an order in which every value is made before it is used.
'use strict';
const { layouts } = require('../addon');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { GraphPlans } = require('./graph-plans');
const { checkPacked, encodePacked } = require('./packed');
const { specs, refuseType, encodeTensor, encodeParams, encodeInto, checkNames, kOnDevice } = require('./encode');
const { currentPrecision } = require('./encode');

/** @typedef {import('./encode').Spec} Spec */
/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('./encode').Memory} Memory */
/** @typedef {{ inputs: Fields, outputs: Fields, params: unknown }} NodeFields once they were checked */
/** @typedef {{ index: number, owner: string, spec: Spec, node: NodeFields }} Node */
/** @typedef {import('./graph-plans').Given} Given */
/**
 * @typedef {object} GraphPlan
 * @property {Float64Array} numbers without the tensors'
 * @property {string[]} inputs
 * @property {string[]} outputs
 * @property {import('./encode').Kind} kind
 * @property {number} intoAt where in the numbers the targets are described
 * @property {number} nodesAt where the nodes begin
 * @property {boolean} hasTargets whether such stand in the numbers
 */
/**
 * A graph as the addon reads it.
 * @typedef {object} GraphDescription
 * @property {Float64Array} numbers the number of the job comes first, and is for its owner to fill in
 * @property {string[]} inputs
 * @property {Memory[]} arrays
 * @property {Memory[]|undefined} targets
 * @property {string[]} outputs
 * @property {import('./encode').Kind} kind
 * @property {number} intoAt where in the numbers the targets are described
 * @property {number} nodesAt where the nodes begin
 */

const kGraphKeys = new Set(['type', 'inputs', 'nodes', 'outputs', 'id', 'split', 'packed']);
const kNodeKeys = new Set(['type', 'inputs', 'params', 'outputs']);
const { rank: kRankAt, extents: kExtentsAt, numbers: slotSize } = layouts.slot;
const { outputs: kMaxOutputs } = layouts.limits;
const { id: kIdAt, inputs: kInputsAt, values: kValuesAt, nodes: kNodesAt, outputs: kOutputsAt } = layouts.graph;
const { numbers: kHeader } = layouts.graph;
const { workload: kNodeWorkload, inputs: kNodeInputs, outputs: kNodeOutputs, params: kNodeParams } = layouts.graphNode;
const { label: kNodeLabel, numbers: nodeSize } = layouts.graphNode;
const { none: kNoValue } = layouts.graphValue;

/** @type {GraphPlans<GraphPlan>} */
const plans = new GraphPlans();

/**
 * @param {Fields} workload
 * @returns {Given}
 */
function checkGraph(workload) {
  if (workload.params !== undefined)
    throw invalid(`graph: it has no params of its own: give them to its nodes`, 'params');
  refuseUnknownKeys(workload, kGraphKeys, 'key of a graph');
  const { inputs, nodes, outputs, packed } = workload;
  if (inputs === null || typeof inputs !== 'object')
    throw invalid(`graph: inputs is ${show(inputs)}, but must be an object of tensors by name`, 'inputs');
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw invalid(`graph: nodes is ${show(nodes)}, but must be an array of at least one node`, 'nodes');
  if (!Array.isArray(outputs) || outputs.length === 0)
    throw invalid(`graph: outputs is ${show(outputs)}, but must be an array of at least one name`, 'outputs');
  if (outputs.length > kMaxOutputs)
    throw invalid(`graph: it has ${outputs.length} outputs, but can have at most ${kMaxOutputs}`, 'outputs');
  return { inputs: /** @type {Fields} */ (inputs), nodes, outputs, packed: checkPacked(packed) };
}

/**
 * @param {unknown[]} nodes
 * @returns {Node[]}
 */
function checkNodes(nodes) {
  return nodes.map((value, index) => {
    try {
      return checkNode(value, index);
    } catch (error) {
      throw ofNode(error, index);
    }
  });
}

/**
 * @param {unknown} value
 * @param {number} index
 * @returns {Node}
 * @throws {import('../core/errors').GPUError} whose argument is the node's own: 'inputs.a'
 */
function checkNode(value, index) {
  if (value === null || typeof value !== 'object')
    throw invalid(`graph: node ${index} is ${show(value)}, but must be an object { type, inputs, params, outputs }`);
  const node = /** @type {Fields} */ (value);
  const { type } = node;
  const spec = specs.get(/** @type {string} */ (type));
  if (!spec) throw refuseNode(type, index);
  const owner = `graph: node ${index} ('${type}')`;
  for (const key in node) if (!kNodeKeys.has(key)) refuseNodeKeys(node, spec, owner);
  checkNames(node.inputs, spec.inputNames, owner, 'input');
  checkNames(node.outputs, spec.outputNames, owner, 'output');
  return { index, owner, spec, node: /** @type {NodeFields} */ (value) };
}

/**
 * Says in a node's error which of the graph's arguments it is about.
 * @param {unknown} error
 * @param {number} index
 */
function ofNode(error, index) {
  if (error instanceof GPUError)
    error.argument = error.argument === undefined ? `nodes[${index}]` : `nodes[${index}].${error.argument}`;
  return error;
}

/**
 * @param {unknown} type of a node, which is not that of a built-in workload
 * @param {number} index
 */
function refuseNode(type, index) {
  if (type === 'graph') return invalid(`graph: node ${index} is a graph itself: put its nodes in this one`, 'type');
  if (type === 'kernel' || type === 'render')
    return invalid(
      `graph: node ${index} is a '${type}', which is a job of its own: give it what the graph's outputs are`,
      'type',
    );
  const error = refuseType(type);
  error.message = `graph: node ${index}: ${error.message}`;
  return error;
}

/**
 * @param {Fields} node
 * @param {Spec} spec
 * @param {string} owner
 */
function refuseNodeKeys(node, spec, owner) {
  for (const key in node)
    if (spec.paramNames.has(key))
      throw invalid(`${owner}: '${key}' is a parameter: write it as params: { ${key}: ... }`, key);
  refuseUnknownKeys(node, kNodeKeys, `key of ${owner}`);
}

/**
 * Which node makes which name.
 * @param {Node[]} nodes
 * @param {ReadonlySet<string>} inputs
 */
function findMakers(nodes, inputs) {
  /** @type {Map<string, Node>} */
  const makers = new Map();
  for (const node of nodes)
    for (const output in node.node.outputs) {
      const name = node.node.outputs[output];
      if (typeof name !== 'string' || makers.has(name) || inputs.has(name))
        throw refuseName(node, output, name, makers);
      makers.set(name, node);
    }
  return makers;
}

/**
 * @param {Node} node
 * @param {string} output of it
 * @param {unknown} name that it is to have in the graph, which is none, or another's already
 * @param {Map<string, Node>} makers
 */
function refuseName({ owner, index }, output, name, makers) {
  const argument = `nodes[${index}].outputs.${output}`;
  if (typeof name !== 'string')
    return invalid(
      `${owner}: output '${output}' is ${show(name)}, but must be the name its value gets in the graph`,
      argument,
    );
  const other = makers.get(name);
  const whose = other ? `an output of node ${other.index}` : 'an input of the graph';
  return invalid(`${owner}: its output '${output}' is called '${name}', but so is ${whose}`, argument);
}

/**
 * @param {Node[]} nodes
 * @param {Map<string, Node>} makers
 * @param {ReadonlySet<string>} inputs
 * @returns {Node[]}
 */
function inOrder(nodes, makers, inputs) {
  /** @type {Map<Node, string>} */
  const needs = new Map();
  /** @type {Node[]} */
  const order = [];
  const done = new Set();
  // An explicit stack: a chain of thousands of nodes is no reason to overflow the call stack.
  for (const root of nodes) {
    const stack = [{ node: root, names: /** @type {string[]|null} */ (null), next: 0 }];
    while (stack.length) {
      const top = stack[stack.length - 1];
      if (!top.names) {
        if (done.has(top.node)) {
          stack.pop();
          continue;
        }
        top.names = neededNames(top.node, makers, inputs);
        needs.set(top.node, '');
      }
      if (top.next === top.names.length) {
        needs.delete(top.node);
        done.add(top.node);
        order.push(top.node);
        stack.pop();
        continue;
      }
      const maker = makers.get(top.names[top.next++]);
      if (!maker || done.has(maker)) continue;
      if (needs.has(maker))
        throw invalid(
          `${top.node.owner}: its input '${top.names[top.next - 1]}' depends on its own output ` +
            `(a cycle through node ${maker.index})`,
          `nodes[${top.node.index}].inputs`,
        );
      stack.push({ node: maker, names: null, next: 0 });
    }
  }
  return order;
}

/**
 * @param {Node} node
 * @param {Map<string, Node>} makers
 * @param {ReadonlySet<string>} inputs
 */
function neededNames(node, makers, inputs) {
  const names = [];
  for (const input in node.node.inputs) {
    const name = node.node.inputs[input];
    if (name === undefined || name === null) continue;
    if (typeof name !== 'string')
      throw invalid(
        `${node.owner}: input '${input}' is ${show(name)}, but must be the name of a value of the graph`,
        `nodes[${node.index}].inputs.${input}`,
      );
    if (!inputs.has(name) && !makers.has(name))
      throw invalid(
        `${node.owner}: input '${input}' names '${name}', which nothing makes` +
          suggestion(name, [...inputs, ...makers.keys()]),
        `nodes[${node.index}].inputs.${input}`,
      );
    names.push(name);
  }
  for (const { name, optional } of node.spec.inputs)
    if (!optional && (node.node.inputs[name] === undefined || node.node.inputs[name] === null))
      throw invalid(`${node.owner}: input '${name}' is missing`, `nodes[${node.index}].inputs.${name}`);
  return names;
}

/**
 * The inputs that are given, in an order that does not depend on how the object was written: equal graphs are described
 * by equal numbers.
 * @param {Fields} inputs
 */
function givenNames(inputs) {
  const names = Object.keys(inputs).filter((name) => inputs[name] !== undefined);
  for (let i = 1; i < names.length; ++i) if (names[i] < names[i - 1]) return names.sort();
  return names;
}

/**
 * All of a graph that its tensors have no part in.
 * @param {Given} given
 * @returns {GraphPlan}
 */
function planGraph(given) {
  const inputNames = givenNames(given.inputs);
  const inputs = new Set(inputNames);
  const nodes = checkNodes(given.nodes);
  const makers = findMakers(nodes, inputs);
  const order = inOrder(nodes, makers, inputs);
  const values = new Map([...inputNames, ...makers.keys()].map((name, number) => [name, number]));
  const outputs = checkOutputs(given.outputs, inputs, makers);

  const intoAt = kHeader + inputNames.length * slotSize + outputs.length;
  const nodesAt = intoAt + outputs.length * slotSize;
  const numbers = new Float64Array(nodesAt + order.length * nodeSize);
  numbers[kInputsAt] = inputNames.length;
  numbers[kValuesAt] = values.size;
  numbers[kNodesAt] = order.length;
  numbers[kOutputsAt] = outputs.length;
  encodePacked(given.packed, inputNames, numbers);
  outputs.forEach((name, i) => {
    numbers[kHeader + inputNames.length * slotSize + i] = /** @type {number} */ (values.get(name));
  });
  order.forEach(({ node, spec, owner, index }, n) => {
    const at = nodesAt + n * nodeSize;
    const inputsAt = at + kNodeInputs;
    const outputsAt = at + kNodeOutputs;
    const paramsAt = at + kNodeParams;
    numbers[at + kNodeWorkload] = spec.index;
    numbers.fill(kNoValue, inputsAt, paramsAt); // inputs and outputs follow each other
    for (let i = 0; i < spec.inputs.length; ++i) {
      const value = values.get(/** @type {string} */ (node.inputs[spec.inputs[i].name]));
      if (value !== undefined) numbers[inputsAt + i] = value;
    }
    for (let i = 0; i < spec.outputs.length; ++i) {
      const value = values.get(/** @type {string} */ (node.outputs[spec.outputs[i]]));
      if (value !== undefined) numbers[outputsAt + i] = value;
    }
    try {
      encodeParams(spec, node.params, numbers, paramsAt, owner);
    } catch (error) {
      throw ofNode(error, index);
    }
    numbers[at + kNodeLabel] = index;
  });
  return { numbers, inputs: inputNames, outputs, kind: kindOf(nodes), intoAt, nodesAt, hasTargets: false };
}

/**
 * @param {Fields} workload
 * @param {unknown} into
 * @returns {GraphDescription} until another graph is described: its numbers may be those of the next
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD
 */
function encodeGraph(workload, into) {
  const given = checkGraph(workload);
  const precision = currentPrecision();
  const plan = plans.find(given, precision) ?? plans.add(given, precision, planGraph(given));
  const { numbers, inputs, outputs, kind, intoAt, nodesAt } = plan;
  const arrays = new Array(inputs.length);
  for (let i = 0; i < inputs.length; ++i)
    arrays[i] = encodeTensor(numbers, kHeader + i * slotSize, given.inputs[inputs[i]], 'graph', 'input', inputs[i]);
  // Of a call that had some, which then are no longer there.
  if (plan.hasTargets) numbers.fill(0, intoAt, nodesAt);
  plan.hasTargets = into !== undefined;
  const targets = into === undefined ? undefined : encodeInto(into, outputs, numbers, intoAt, 'graph');
  return { numbers, inputs, arrays, targets, outputs, kind, intoAt, nodesAt };
}

const kDecisive = /** @type {const} */ (['attention', 'matrix', 'search']); // the first that a node is decides

/** @param {Node[]} nodes */
function kindOf(nodes) {
  return kDecisive.find((kind) => nodes.some(({ spec }) => spec.kind === kind)) ?? 'vector';
}

/**
 * Whether an input lies on a device.
 * @param {GraphDescription} graph
 * @param {number} i
 */
function isOnDevice({ numbers }, i) {
  return numbers[kHeader + i * slotSize] === kOnDevice;
}

/**
 * The numbers that decide what a graph computes, inputs' dtypes and shapes among them: not whose job it is, nor where
 * the outputs go.
 * @param {GraphDescription} graph
 */
function decisiveNumbers({ numbers, inputs, intoAt, nodesAt }) {
  const copy = numbers.slice().fill(0, intoAt, nodesAt);
  copy[kIdAt] = 0;
  for (let i = 0, at = kHeader; i < inputs.length; ++i, at += slotSize) {
    const used = copy[at] === kOnDevice ? 1 : kExtentsAt + copy[at + kRankAt];
    copy.fill(0, at + used, at + slotSize); // what an earlier call has left
  }
  return copy;
}

/**
 * @param {unknown[]} names
 * @param {ReadonlySet<string>} inputs
 * @param {Map<string, Node>} makers
 * @returns {string[]}
 */
function checkOutputs(names, inputs, makers) {
  /** @type {Set<string>} */
  const seen = new Set();
  for (const name of names) {
    if (typeof name !== 'string') throw invalid(`graph: output ${show(name)} must be a name`, 'outputs');
    if (inputs.has(name))
      throw invalid(`graph: output '${name}' is one of its inputs, not a value that a node makes`, 'outputs');
    if (!makers.has(name))
      throw invalid(`graph: output '${name}' is made by no node${suggestion(name, makers.keys())}`, 'outputs');
    if (seen.has(name)) throw invalid(`graph: output '${name}' is named twice`, 'outputs');
    seen.add(name);
  }
  return [...seen];
}

module.exports = { encodeGraph, isOnDevice, decisiveNumbers };
