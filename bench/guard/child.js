// Takes one path under callgrind: node child.js TREE MODULES PATH. Set-up and warm-up are not counted.
'use strict';
const [tree, modules, name] = process.argv.slice(2);
const probe = require(process.env.SWITCHYARD_GUARD_PROBE);
const path = require('./paths').find((it) => it.name === name);

const { gc } = /** @type {any} */ (globalThis);

async function main() {
  const parts = require(modules)(tree);
  for (const [part, value] of Object.entries(parts))
    if (value === undefined) throw new Error(`${modules}: ${part} is not where it was`);
  const take = await path.setUp(parts, probe);
  await take(2 * path.times);
  gc();
  probe.begin();
  await take(path.times);
  probe.end(name);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
