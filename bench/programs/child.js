// One measured part in a process of its own: node child.js <part>. Driven by messages from index.js.
'use strict';
const operations = require(`./parts/${process.argv[2]}`);

process.on('message', async ({ id, operation, args }) => {
  try {
    process.send({ id, result: await operations[operation](args) });
  } catch (error) {
    process.send({ id, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
