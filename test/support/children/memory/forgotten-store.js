// A store that is forgotten without a close(): its lock goes when it is collected, so that it can be opened again. With
// --expose-gc. Argument: its folder. Prints { opened }.
'use strict';
const gpu = require('../../../..');

async function forget(at) {
  const store = await gpu.openStore(at);
  await store.put('a', 'b');
}

async function main(at) {
  await forget(at);
  let opened = false;
  for (let i = 0; i < 200 && !opened; ++i) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const store = await gpu.openStore(at).catch((error) => {
      if (error.code !== 'ERR_LOCKED') throw error;
    });
    if (!store) continue;
    opened = String(await store.get('a')) === 'b';
    await store.close();
  }
  console.log(JSON.stringify({ opened }));
}

main(process.argv[2]);
