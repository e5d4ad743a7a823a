// Remembers licences, and answers a question with a passage and where it stands. A second run finds them all there.
//   npm run example:memory -- "may I use this in a product that I sell?"
'use strict';
const os = require('node:os');
const path = require('node:path');
const licences = require('spdx-license-list/full');
const gpu = require('..');

const kLicences = ['Apache-2.0', 'BSD-3-Clause', 'CC-BY-NC-4.0', 'GPL-3.0-only', 'MIT', 'MPL-2.0', 'Zlib'];
const { SWITCHYARD_EXAMPLE_FOLDER: folder = path.join(os.tmpdir(), 'switchyard-licences') } = process.env;

async function main(question = 'may I use this in a product that I sell?') {
  const memory = await gpu.createMemory({ path: folder, chunk: { tokens: 64, overlap: 16 } });
  try {
    const { documents } = await memory.stats();
    console.log(documents ? `${documents} licences were remembered before, in ${folder}` : 'reading the licences ...');
    const texts = kLicences.map((id) => ({
      id,
      text: licences[id].licenseText,
      metadata: { name: licences[id].name },
    }));
    if (documents !== texts.length) await memory.remember(texts);
    const [best] = await memory.recall(question, { k: 1 });
    console.log(`${question}\n  ${best.text}\n  (${best.metadata.name}, characters ${best.start} to ${best.end})`);
  } finally {
    await memory.close();
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
