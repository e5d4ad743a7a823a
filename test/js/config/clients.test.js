// Settings of what a client of the service may have.
'use strict';
const { readServiceConfig } = require('../../../lib/config/config');

const serve = (options, env) => readServiceConfig(options, env, __dirname);

test('what a client may have: words and numbers where they are right', () => {
  const env = {
    HTTP_ANSWER_LIMIT: '2 GB',
    HTTP_CLIENT_TIMEOUT: 'infinity',
    HTTP_CLIENT_COST: '2000',
    HTTP_CLIENT_JOBS: '4',
    HTTP_TRUST_PROXY: '127.0.0.1, 10.0.0.0/8,fe80::/10, loopback',
  };
  expect(serve({}, env)).toMatchObject({
    answerLimit: 2 ** 31,
    clientTimeout: Infinity,
    clientCost: 2000,
    clientJobs: 4,
    trustProxy: '127.0.0.1,10.0.0.0/8,fe80::/10,loopback',
  });
  expect(serve({}, {})).toMatchObject({ clientCost: Infinity, clientTimeout: 300_000, answerTimeout: 30_000 });
  expect(serve({ clientJobs: 'auto' }, {}).clientJobs).toBeUndefined();
  for (const proxy of [
    'true',
    '10.0.0.0/33',
    '0.0.0.0/0',
    '::/0',
    '10.0.0',
    'fe80::/200',
    '127.0.0.1,',
    'anything',
    '1.2.3.4/8/9',
  ])
    expect(() => serve({}, { HTTP_TRUST_PROXY: proxy })).toThrow(/HTTP_TRUST_PROXY is .* addresses or networks/);
});
