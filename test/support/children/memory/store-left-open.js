// Writes to a store and does not close it: the process ends once the writes have.
'use strict';
const gpu = require('../../../..');

async function main(path) {
  const store = await gpu.openStore(path);
  store.put('a', 'b');
  store.put('c', 'd').then(() => console.log('done'));
}

main(process.argv[2]);
