// A worker of a measured cluster: node worker.js <way>. Asks for jobs when its primary tells it to, and runs those of
// others.
'use strict';
const measure = require('./measure');

const way = require(`./ways/${process.argv[2]}`);
const runs = new Map();

const operations = {
  open: (args) => way.open(args),
  async prepare(args) {
    const run = await (args.width ? way.prepareMany(args) : way.prepare(args));
    if (args.width) await measure.many(run, { width: args.width, budgetMs: args.warmMs });
    else await measure.warm(run, args);
    runs.set(args.name, run);
  },
  each: ({ name, ...args }) => measure.each(runs.get(name), args),
  many: ({ name, ...args }) => measure.many(runs.get(name), args),
};

process.on('message', async ({ call, operation, args }) => {
  if (call === undefined) return;
  try {
    process.send({ answer: call, result: (await operations[operation](args)) ?? null });
  } catch (error) {
    process.send({ answer: call, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('SIGINT', () => {}); // the primary decides when the end has come
