// What the figures were taken on, and whether anything else was running.
'use strict';
const fs = require('node:fs');
const os = require('node:os');

function machine() {
  const release = fs.existsSync('/etc/os-release')
    ? fs.readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="?([^"\n]*)/m)?.[1]
    : undefined;
  const flags = fs.existsSync('/proc/cpuinfo')
    ? (fs
        .readFileSync('/proc/cpuinfo', 'utf8')
        .match(/^flags\s*:(.*)$/m)?.[1]
        .split(' ') ?? [])
    : [];
  return {
    cpu: os.cpus()[0]?.model.trim(),
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    simd: ['avx2', 'avx512f', 'avx512_bf16', 'amx_tile'].filter((flag) => flags.includes(flag)),
    system: release ?? os.platform(),
    kernel: os.release(),
    node: process.version,
    loadAtStart: Number(os.loadavg()[0].toFixed(2)),
    date: new Date().toISOString(),
  };
}

module.exports = { machine };
