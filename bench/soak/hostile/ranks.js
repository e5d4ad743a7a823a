// Long jobs of one client, more than there are contexts: PageRanks that never converge. The others' jobs go on.
'use strict';
const { request } = require('./service');
const { encodeFrame } = require('../../../lib/exchange');

const kFrom = '127.0.0.8';
const kNodes = 200_000,
  kEdges = 5; // of a node
const kAtOnce = 8;
const kJobMs = 6000;
const kMostMs = 3000; // for an honest client's small job beside them

function body(timeout) {
  const rowOffsets = Int32Array.from({ length: kNodes + 1 }, (_, i) => i * kEdges);
  const columns = Int32Array.from({ length: kNodes * kEdges }, (_, i) => (i * 7919) % kNodes);
  const tensor = (data) => ({ data, shape: [data.length], dtype: 'int32' });
  return Buffer.concat(
    encodeFrame(
      { type: 'pagerank', params: { tolerance: 0, maxIterations: 1_000_000 }, options: { timeout } },
      'inputs',
      {
        rowOffsets: tensor(rowOffsets),
        columns: tensor(columns),
      },
    ),
  );
}

async function crowdOut({ service, until, honest }) {
  const counts = { asked: 0, statuses: {} };
  const asked = honest.counts.asked;
  const started = performance.now();
  honest.longest = 0;
  do {
    const bytes = body(Math.max(1000, Math.min(kJobMs, until - performance.now())));
    const answers = Array.from({ length: kAtOnce }, () =>
      request(service.port, {
        method: 'POST',
        path: '/v1/workloads',
        headers: { 'content-type': 'application/octet-stream' },
        body: bytes,
        from: kFrom,
      }).then(
        ({ status }) => status,
        (error) => error.code,
      ),
    );
    for (const status of await Promise.all(answers)) {
      ++counts.asked;
      counts.statuses[status] = (counts.statuses[status] ?? 0) + 1;
    }
  } while (performance.now() < until);
  const perSecond = Math.round((honest.counts.asked - asked) / ((performance.now() - started) / 1000));
  const longestMs = Math.round(honest.longest);
  return {
    ...counts,
    honestPerSecond: perSecond,
    honestLongestMs: longestMs,
    ok: longestMs < kMostMs && perSecond > 3,
  };
}

module.exports = { crowdOut };
