// Remembers documents in a memory on disk for as long as it lives: `node documents.js FOLDER MODEL`. Tells each write
// that was acknowledged: a line "id version".
'use strict';
const gpu = require('../../../lib');
const { documentText } = require('../memory-texts');

async function main([folder, model]) {
  const memory = await gpu.createMemory({ path: folder, model, chunk: { tokens: 8, overlap: 2 } });
  process.stdout.write('open\n');
  for (let version = 1; ; ++version) {
    const ids = [`d${version % 3}`, `d${(version + 1) % 3}`];
    await memory.remember(ids.map((id) => ({ id, text: documentText(version), metadata: { version } })));
    for (const id of ids) process.stdout.write(`${id} ${version}\n`);
  }
}

main(process.argv.slice(2));
