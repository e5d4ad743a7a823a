// Reads what callgrind wrote of the counted thread. Its format: "Callgrind Format Specification", in valgrind's manual.
'use strict';
const fs = require('node:fs');

const kAddon = /\/switchyard\.node$/;
const kDriver = /\/(libvulkan[^/]*|libLLVM[^/]*|libdrm[^/]*|libVkLayer[^/]*|libnvidia[^/]*|libcuda[^/]*)$/;
const kLibrary = /\/(libc|libm|libstdc\+\+|libgcc_s|libpthread|ld-linux[^/]*)[-.\d]*\.so[.\d]*$/;

/**
 * @typedef {object} Counts
 * @property {string} name that was given to the dump
 * @property {number} total instructions, those in and below a Vulkan driver left out
 * @property {number} addon of them in the addon, with what it asks of the C and C++ libraries
 * @property {number} allocations calls of malloc, operator new and the like that the addon makes
 */

/**
 * @param {string} file
 * @returns {Counts}
 */
function readDump(file) {
  const objects = new Map(); // callgrind names a thing once, and by its number from then on
  const functions = new Map();
  const named = (names, text) => {
    const [, number, name] = /^\((\d+)\)(?: (.*))?$/.exec(text) ?? [];
    if (number === undefined) return text;
    if (name !== undefined) names.set(number, name);
    return names.get(number);
  };
  const counts = { name: '', total: 0, addon: 0, allocations: 0 };
  let object = '';
  let called = '';
  let calledIn = '';
  let calls = -1; // of the line that comes; -1: it is the function's own cost
  for (const line of fs.readFileSync(file, 'latin1').split('\n')) {
    const at = line.indexOf('=');
    if (at < 0) {
      const cost = /^[+\-*\d]\S* (\d+)/.exec(line);
      if (cost) {
        count(counts, { object, called, calledIn, calls, cost: Number(cost[1]) });
        calls = -1;
        calledIn = object;
      }
      const trigger = /^desc: Trigger: Client Request: (.*)$/.exec(line);
      if (trigger) counts.name = trigger[1];
      continue;
    }
    const key = line.slice(0, at);
    const value = line.slice(at + 1);
    if (key === 'ob') calledIn = object = named(objects, value);
    else if (key === 'fn') named(functions, value);
    else if (key === 'cob') calledIn = named(objects, value);
    else if (key === 'cfn') called = named(functions, value);
    else if (key === 'calls') calls = Number(value.split(' ', 1)[0]);
  }
  return counts;
}

/** Adds a line of costs. */
function count(counts, { object, called, calledIn, calls, cost }) {
  if (calls < 0) {
    if (!kDriver.test(object)) counts.total += cost;
    if (kAddon.test(object)) counts.addon += cost;
    return;
  }
  if (kDriver.test(object)) {
    // What a driver asks of the libraries is the driver's.
    if (!kDriver.test(calledIn)) counts.total -= cost;
  } else if (kAddon.test(object) && kLibrary.test(calledIn)) {
    counts.addon += cost;
    if (/^(malloc|calloc|operator new|posix_memalign|aligned_alloc)/.test(called)) counts.allocations += calls;
  }
}

module.exports = { readDump };
