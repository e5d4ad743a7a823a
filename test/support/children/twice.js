// The addon loaded twice in one thread: under two module instances, and as a copy of the file.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

async function use(gpu) {
  const ctx = await gpu.createContext({ device: process.argv[2] });
  const held = await ctx.upload(new Float32Array([1, 2]));
  const { outputs } = await ctx.run({ type: 'add', inputs: { a: held, b: new Float32Array(2).fill(5) } });
  return { ctx, held, sum: [...outputs.output.data] };
}

async function main() {
  const first = require('../../..');
  const one = await use(first);
  for (const key of Object.keys(require.cache))
    if (key.includes(`${path.sep}lib${path.sep}`) || key.endsWith('.node')) delete require.cache[key];
  const second = require('../../..');
  const two = await use(second);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-copy-'));
  fs.copyFileSync(require('../../../lib/addon/native').addonPath, path.join(folder, 'switchyard.node'));
  process.env.SWITCHYARD_BUILD = folder;
  for (const key of Object.keys(require.cache))
    if (key.includes(`${path.sep}lib${path.sep}`) || key.endsWith('.node')) delete require.cache[key];
  const third = require('../../..');
  const three = await use(third);
  fs.rmSync(folder, { recursive: true });
  const error = await three.ctx.run({ type: 'add', inputs: { a: one.held, b: one.held } }).catch((failed) => failed);
  console.log(
    JSON.stringify({
      different: first !== second && second !== third,
      sums: [one.sum, two.sum, three.sum],
      code: error.code,
    }),
  );
  await Promise.all([one.ctx.close(), two.ctx.close()]); // the third stays open
}
main();
