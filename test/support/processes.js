// What can be seen of processes from outside: their memories, their addresses, whether they live.
'use strict';

const fs = require('node:fs');

/** How many of this package's memories a process has open. */
function memories(pid = process.pid) {
  let names;
  try {
    names = fs.readdirSync(`/proc/${pid}/fd`);
  } catch {
    return 0;
  }
  return names.filter((name) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${name}`).includes('memfd:switchyard');
    } catch {
      return false;
    }
  }).length;
}

/** The abstract unix addresses on which somebody listens. */
function abstractNames() {
  return fs
    .readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => / @(\S+)$/.exec(line)?.[1])
    .filter(Boolean);
}

function isAlive(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0] !== 'Z';
  } catch {
    return false;
  }
}

module.exports = { memories, abstractNames, isAlive };
