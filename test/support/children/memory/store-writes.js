// Writes to a store until it is killed, and says which writes were acknowledged: a line for each, written at once.
'use strict';
const fs = require('node:fs');
const gpu = require('../../../..');
const { valueOf } = require('../../store-values');

async function main(path, from) {
  const store = await gpu.openStore(path);
  let next = from;
  const write = async () => {
    for (;;) {
      const i = next++;
      if (i % 5 === 4) await store.delete(`k${i - 2}`);
      else await store.put(`k${i}`, valueOf(i));
      fs.writeSync(1, `${i}\n`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, write));
}

main(process.argv[2], Number(process.argv[3]));
