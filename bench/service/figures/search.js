// index_search over WebSockets, 16 clients, beside as many searches at a time in process.
'use strict';
const { now, round } = require('../../stats');
const { connect } = require('../client');
const { start } = require('../start');
const { fill, queryOf } = require('../vectors');

const kDimensions = 384,
  kClients = 16,
  kK = 10;

async function measure({ quick, rows }) {
  const server = await start();
  const count = Number(rows);
  const ms = quick ? 2000 : 10_000;
  const first = await connect(server.rpcPort);
  await first.call('index_create', { index: 'bench', dimensions: kDimensions });
  await fill(count, kDimensions, (ids, data, shape) =>
    first.call('index_add', { index: 'bench', ids, vectors: { data, shape, dtype: 'float32' } }),
  );
  const clients = [first];
  while (clients.length < kClients) clients.push(await connect(server.rpcPort));
  const loop = async (client, seed, until) => {
    let searches = 0;
    for (; now() < until; ++searches) {
      const data = queryOf(kDimensions, seed * 1000 + searches);
      await client.call('index_search', {
        index: 'bench',
        k: kK,
        vectors: { data, shape: [kDimensions], dtype: 'float32' },
      });
    }
    return searches;
  };
  const all = async (time) => {
    const until = now() + time;
    const counts = await Promise.all(clients.map((client, seed) => loop(client, seed, until)));
    return counts.reduce((sum, each) => sum + each, 0) / (time / 1000);
  };
  const inside = () =>
    server.ask({ ask: 'measure', what: 'search', rows: count, dimensions: kDimensions, clients: kClients, ms, k: kK });
  await all(ms); // what merges segments has ended then
  const over = [await all(ms)];
  const beside = [await inside()];
  over.push(await all(ms));
  for (const { close } of clients) close();
  await server.stop();
  const rate = Math.max(...over);
  return [
    {
      name: `search ${count} x ${kDimensions}, ${kClients} clients over WebSockets, of the rate in process`,
      value: (100 * rate) / beside[0],
      unit: '%',
      target: '85%',
      detail: `${over.map((each) => round(each, 1)).join(' and ')} a second, in process ${round(beside[0], 1)}`,
    },
  ];
}

module.exports = { measure };
