// Webhooks: sent as JSON; one that hangs, fails or answers with an error costs a line in the log.
'use strict';
const http = require('node:http');
const { Webhooks } = require('../../../lib/operations');
const { keptLog } = require('../../support/silent-log');

/** @type {import('node:http').Server[]} */
const servers = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** @param {import('node:http').RequestListener} listener @returns {Promise<string>} its address */
function serve(listener) {
  return new Promise((resolve) => {
    const server = http.createServer(listener).listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${server.address().port}/hook`);
    });
    servers.push(server);
  });
}

test('an event arrives as JSON', async () => {
  const got = [];
  const url = await serve(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    got.push([request.method, request.url, request.headers['content-type'], JSON.parse(text)]);
    response.end('thanks');
  });
  const log = keptLog();
  const hooks = new Webhooks(log);
  hooks.send('slow', url, { name: 'slow', state: 'firing' });
  await hooks.settled();
  expect(got).toEqual([['POST', '/hook', 'application/json', { name: 'slow', state: 'firing' }]]);
  expect(log.lines).toEqual([]);
});

test('one that hangs is given up, others go on meanwhile, and only so many hang at a time', async () => {
  const url = await serve(() => {});
  const got = [];
  const fine = await serve((request, response) => {
    got.push(request.url);
    response.end();
  });
  const log = keptLog();
  const hooks = new Webhooks(log, { timeout: 300 });
  hooks.send('hangs', url, {});
  hooks.send('fine', fine, {});
  for (let i = 0; i < 40; ++i) hooks.send('hangs', url, {});
  await hooks.settled();
  expect(got).toHaveLength(1);
  const reasons = log.lines.map(([, { reason }, message]) => reason ?? message);
  expect(reasons.filter((reason) => reason === 'TimeoutError')).toHaveLength(15);
  expect(reasons.filter((reason) => /too many/.test(reason))).toHaveLength(26);
});

test.each([
  ['an error', (_, response) => response.writeHead(500).end(), { status: 500 }],
  ['another address', (_, response) => response.writeHead(302, { location: '/other' }).end(), { reason: 'TypeError' }],
])('one that answers with %s costs a line', async (_, listener, fields) => {
  const url = await serve(listener);
  const log = keptLog();
  const hooks = new Webhooks(log);
  hooks.send('slow', url, {});
  await hooks.settled();
  expect(log.lines).toEqual([['warn', { alert: 'slow', ...fields }, expect.any(String)]]);
});

test('nobody at the address costs a line, too, without the address', async () => {
  const url = await serve(() => {});
  servers.pop().close();
  const log = keptLog();
  const hooks = new Webhooks(log);
  hooks.send('slow', `${url}?secret=1`, {});
  await hooks.settled();
  expect(log.lines).toEqual([['warn', { alert: 'slow', reason: 'ECONNREFUSED' }, expect.any(String)]]);
});
