// Graphs: names become numbers, nodes are put in an order in which every value is made before it is used.
'use strict';
const { layout } = require('./pending');
const { invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { specOf, encodeTensor, encodeParams, encodeInto, checkNames } = require('./encode');

/** @typedef {import('./encode').Spec} Spec */
/** @typedef {{ index: number, owner: string, spec: Spec, node: any }} Node */

const kGraphKeys = new Set(['type', 'inputs', 'nodes', 'outputs', 'id']);
const kNodeKeys = new Set(['type', 'inputs', 'params', 'outputs']);
const kHeader = 5;

/** @param {any} workload */
function checkGraph(workload) {
  if (workload.params !== undefined) throw invalid(`graph: it has no params of its own: give them to its nodes`);
  refuseUnknownKeys(workload, kGraphKeys, 'key of a graph');
  if (workload.inputs === null || typeof workload.inputs !== 'object')
    throw invalid(`graph: inputs is ${show(workload.inputs)}, but must be an object of tensors by name`);
  if (!Array.isArray(workload.nodes) || workload.nodes.length === 0)
    throw invalid(`graph: nodes is ${show(workload.nodes)}, but must be an array of at least one node`);
  if (!Array.isArray(workload.outputs) || workload.outputs.length === 0)
    throw invalid(`graph: outputs is ${show(workload.outputs)}, but must be an array of at least one name`);
  if (workload.outputs.length > layout.maxOutputs)
    throw invalid(`graph: it has ${workload.outputs.length} outputs, but can have at most ${layout.maxOutputs}`);
}

/**
 * @param {any[]} nodes
 * @returns {Node[]}
 */
function checkNodes(nodes) {
  return nodes.map((node, index) => {
    if (node === null || typeof node !== 'object')
      throw invalid(`graph: node ${index} is ${show(node)}, but must be an object { type, inputs, params, outputs }`);
    if (node.type === 'graph') throw invalid(`graph: node ${index} is a graph itself: put its nodes in this one`);
    if (node.type === 'kernel' || node.type === 'render')
      throw invalid(
        `graph: node ${index} is a '${node.type}', which is a job of its own: give it what the graph's outputs are`,
      );
    let spec;
    try {
      spec = specOf(node.type);
    } catch (error) {
      error.message = `graph: node ${index}: ${error.message}`;
      throw error;
    }
    const owner = `graph: node ${index} ('${node.type}')`;
    for (const key in node)
      if (spec.paramNames.has(key))
        throw invalid(`${owner}: '${key}' is a parameter: write it as params: { ${key}: ... }`);
    refuseUnknownKeys(node, kNodeKeys, `key of ${owner}`);
    checkNames(node.inputs, spec.inputNames, owner, 'input');
    checkNames(node.outputs, spec.outputNames, owner, 'output');
    return { index, owner, spec, node };
  });
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
      if (typeof name !== 'string')
        throw invalid(
          `${node.owner}: output '${output}' is ${show(name)}, but must be the name its value gets in the graph`,
        );
      const other = makers.get(name);
      if (other)
        throw invalid(
          `${node.owner}: its output '${output}' is called '${name}', but so is an output of node ${other.index}`,
        );
      if (inputs.has(name))
        throw invalid(`${node.owner}: its output '${output}' is called '${name}', but so is an input of the graph`);
      makers.set(name, node);
    }
  return makers;
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
          `${top.node.owner}: its input '${top.names[top.next - 1]}' depends on its own output (a cycle through node ${maker.index})`,
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
      throw invalid(`${node.owner}: input '${input}' is ${show(name)}, but must be the name of a value of the graph`);
    if (!inputs.has(name) && !makers.has(name))
      throw invalid(
        `${node.owner}: input '${input}' names '${name}', which nothing makes${suggestion(name, [...inputs, ...makers.keys()])}`,
      );
    names.push(name);
  }
  for (const { name, optional } of node.spec.inputs)
    if (!optional && (node.node.inputs[name] === undefined || node.node.inputs[name] === null))
      throw invalid(`${node.owner}: input '${name}' is missing`);
  return names;
}

/**
 * @param {any} workload
 * @param {number} id
 * @param {any} into
 * @returns {{ description: Float64Array, arrays: any[], targets: any[]|undefined, outputs: string[] }}
 */
function encodeGraph(workload, id, into) {
  checkGraph(workload);
  const inputNames = Object.keys(workload.inputs).filter((name) => workload.inputs[name] !== undefined);
  const inputs = new Set(inputNames);
  const nodes = checkNodes(workload.nodes);
  const makers = findMakers(nodes, inputs);
  const order = inOrder(nodes, makers, inputs);
  const values = new Map([...inputNames, ...makers.keys()].map((name, number) => [name, number]));
  const outputs = checkOutputs(workload.outputs, inputs, makers);

  const { slotSize, maxTensors, maxParams } = layout;
  const nodeSize = 2 + 2 * maxTensors + maxParams;
  const intoAt = kHeader + inputNames.length * slotSize + outputs.length;
  const nodesAt = intoAt + outputs.length * slotSize;
  const numbers = new Float64Array(nodesAt + order.length * nodeSize);
  numbers.set([id, inputNames.length, values.size, order.length, outputs.length]);
  const arrays = inputNames.map((name, i) =>
    encodeTensor(numbers, kHeader + i * slotSize, workload.inputs[name], 'graph', 'input', name),
  );
  outputs.forEach((name, i) => {
    numbers[kHeader + inputNames.length * slotSize + i] = /** @type {number} */ (values.get(name));
  });
  const targets = into === undefined ? undefined : encodeInto(into, outputs, numbers, intoAt, 'graph');
  order.forEach(({ node, spec, owner, index }, n) => {
    const at = nodesAt + n * nodeSize;
    numbers[at] = spec.index;
    for (let i = 0; i < maxTensors; ++i) {
      numbers[at + 1 + i] = values.get(node.inputs[spec.inputs[i]?.name]) ?? -1;
      numbers[at + 1 + maxTensors + i] = values.get(node.outputs[spec.outputs[i]]) ?? -1;
    }
    encodeParams(spec, node.params, numbers, at + 1 + 2 * maxTensors, owner);
    numbers[at + nodeSize - 1] = index;
  });
  return { description: numbers, arrays, targets, outputs };
}

/**
 * @param {any[]} names
 * @param {ReadonlySet<string>} inputs
 * @param {Map<string, Node>} makers
 * @returns {string[]}
 */
function checkOutputs(names, inputs, makers) {
  const seen = new Set();
  for (const name of names) {
    if (typeof name !== 'string') throw invalid(`graph: output ${show(name)} must be a name`);
    if (inputs.has(name)) throw invalid(`graph: output '${name}' is one of its inputs, not a value that a node makes`);
    if (!makers.has(name))
      throw invalid(`graph: output '${name}' is made by no node${suggestion(name, makers.keys())}`);
    if (seen.has(name)) throw invalid(`graph: output '${name}' is named twice`);
    seen.add(name);
  }
  return [...names];
}

module.exports = { encodeGraph };
