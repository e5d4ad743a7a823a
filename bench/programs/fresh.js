// Measured parts in fresh processes, with cache folders of their own.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Peer } = require('../process');

const kCallMs = 600_000;

// One call. env: on top of this process's.
async function fresh(part, operation, args = {}, env = {}) {
  const peer = new Peer(path.join(__dirname, 'child.js'), [part], { env });
  try {
    return await peer.call(operation, args, { timeoutMs: kCallMs });
  } finally {
    await peer.close();
  }
}

// use(env): with a folder for programs that is empty at first and gone afterwards. coldDriver: the driver's own cache
// on disk is empty as well.
async function withFolders(use, { coldDriver = false } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-programs-'));
  const programs = path.join(folder, 'programs'),
    driver = path.join(folder, 'driver');
  for (const each of [programs, driver]) fs.mkdirSync(each, { mode: 0o700 });
  try {
    return await use({
      SHADER_CACHE_DIR: programs,
      ...(coldDriver ? { XDG_CACHE_HOME: driver, MESA_SHADER_CACHE_DIR: driver } : {}),
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { fresh, withFolders };
