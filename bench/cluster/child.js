// One measured cluster, or one pool of threads, in a process of its own: node child.js <scene>. Driven by messages from
// index.js.
'use strict';
const operations = require(`./scenes/${process.argv[2]}`);

process.on('message', async ({ id, operation, args }) => {
  try {
    process.send({ id, result: await operations[operation](args) });
  } catch (error) {
    process.send({ id, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
