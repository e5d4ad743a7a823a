// The direction of C++'s includes: no cycles, backends unknown outside of their folders, no Node in the core.
'use strict';
const path = require('node:path').posix;
const { kMayInclude, kBackends, kOpensBackends, kOneUnit, kExceptions } = require('./rooms');

// Where the compiler looks besides the including file's own folder, as CMakeLists.txt says.
const kSearched = ['src', 'kernels', '.', 'test/native/cuda_shim', 'test/native', 'test'];
const kNode = /^(napi|node_api|node|uv|v8|js_native_api)\b[^/]*\.h$|^(node|v8|uv)\//;

/**
 * @param {Map<string, string>} files
 * @returns {{ from: string, line: number, to?: string, named: string }[]} every include; `to` where the file is ours
 */
function readIncludes(files) {
  const includes = [];
  for (const [from, text] of files) {
    text.split('\n').forEach((line, index) => {
      const match = /^\s*#\s*include\s+([<"])([^>"]+)[>"]/.exec(line);
      if (!match) return;
      const found = [path.dirname(from), ...kSearched].map((at) => path.normalize(path.join(at, match[2])));
      const to = match[1] === '"' ? found.find((file) => files.has(file)) : undefined;
      includes.push({ from, line: index + 1, to, named: match[2] });
    });
  }
  return includes;
}

/** @param {string} file @returns {string} a header and the file that implements it are one unit */
function unitOf(file) {
  const unit = file.replace(/\.[^./]+$/, '');
  return kOneUnit.find(({ units }) => units.includes(unit))?.units[0] ?? unit;
}

/**
 * Tarjan's strongly connected components.
 * @param {Map<string, Set<string>>} graph
 * @returns {string[][]} the cycles: components of more than one node
 */
function cyclesOf(graph) {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const cycles = [];
  const visit = (node) => {
    order.set(node, order.size);
    low.set(node, order.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== order.get(node)) return;
    const component = stack.splice(stack.indexOf(node));
    if (component.length > 1) cycles.push(component.sort());
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return cycles;
}

/** @param {{ from: string, to?: string }[]} includes @param {(file: string) => string} nameOf */
function graphOf(includes, nameOf) {
  const graph = new Map();
  for (const { from, to } of includes) {
    if (!to || nameOf(from) === nameOf(to)) continue;
    if (!graph.has(nameOf(from))) graph.set(nameOf(from), new Set());
    graph.get(nameOf(from)).add(nameOf(to));
  }
  return graph;
}

// Headers that include each other, then units, then folders; the files of src/ itself are rooms of their own.
function checkCycles(includes) {
  const inRooms = includes.filter(({ from, to }) => to && [from, to].every((file) => /^(src|binding)\//.test(file)));
  const roomOf = (file) => (path.dirname(file) === 'src' ? unitOf(file) : `${path.dirname(file)}/`);
  const whole = inRooms.filter(({ from, to }) => !isException(from, to));
  const found = (what, cycles) => cycles.map((cycle) => `${what}: ${cycle.join(', ')}`);
  return [
    ...found('files that include each other', cyclesOf(graphOf(inRooms, (file) => file))),
    ...found('units (a header and its implementation) that need each other', cyclesOf(graphOf(whole, unitOf))),
    ...found('rooms that need each other', cyclesOf(graphOf(whole, roomOf))),
  ];
}

function isException(from, to) {
  return kExceptions.some((it) => it.from === from && it.to === to);
}

function backendOf(file) {
  return kBackends.find((folder) => file.startsWith(`${folder}/`));
}

// What one include breaks, or undefined.
function breaks({ from, to, named }) {
  const room = path.dirname(from);
  if (from.startsWith('src/') && kNode.test(named)) return 'the core knows nothing of Node';
  if (!to || !/^(src|binding)\//.test(from) || path.dirname(to) === room || isException(from, to)) return undefined;
  const backend = backendOf(to);
  if (backend && backendOf(from) !== backend && !kOpensBackends.includes(from)) {
    return `nobody outside of ${backend}/ knows its headers`;
  }
  if (!kMayInclude.has(room)) return `${room}/ does not stand in kMayInclude of tools/lint/rooms.js`;
  const below = /** @type {string[]} */ (kMayInclude.get(room));
  if (!kOpensBackends.includes(from) && !below.includes(path.dirname(to))) {
    return `${room}/ may include ${below.join(', ') || 'no other folder'}`;
  }
  return undefined;
}

/**
 * @param {Map<string, string>} files  all C++ and CUDA sources
 * @returns {string[]} what breaks the direction
 */
function checkIncludes(files) {
  const includes = readIncludes(files);
  const problems = [];
  for (const include of includes) {
    const why = breaks(include);
    if (why) problems.push(`${include.from}:${include.line}: includes ${include.to ?? include.named}: ${why}`);
  }
  for (const { from, to } of kExceptions) {
    if (files.has(from) && !includes.some((it) => it.from === from && it.to === to)) {
      problems.push(`${from}: includes ${to} no more; take it out of kExceptions`);
    }
  }
  return [...problems, ...checkCycles(includes)];
}

module.exports = { checkIncludes, cyclesOf };
