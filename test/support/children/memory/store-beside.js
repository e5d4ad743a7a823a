// Opens a store that another process has open: to write, which is refused, then to read.
'use strict';
const gpu = require('../../../..');

async function main(path) {
  const failed = await gpu.openStore(path).catch((error) => error);
  const reader = await gpu.openStore(path, { readOnly: true });
  const refused = await reader.put('a', '2').catch((error) => error);
  console.log(failed.code, String(await reader.get('a')), refused.code);
  await reader.close();
}

main(process.argv[2]);
