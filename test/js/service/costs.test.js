// GET /v1/costs: JSON and CSV; who is no admin sees its own alone.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startServer, request, post, kSmall } = require('../../support/http-service');

const kSecrets = { admin: 'a'.repeat(32), alice: 'b'.repeat(32), bob: 'c'.repeat(32) };
const kCost = { jobs: 2, seconds: 0.5, cost: 0.25 };
const kPeriod = {
  start: '2026-11-30T22:00:00.000Z',
  ...kCost,
  savings: { cache: 0, batching: 0, routing: 0 },
  byDevice: { 'cpu:0': kCost },
  byWorkload: { normalize: kCost },
  byCaller: { '=cmd("x"), the first': kCost },
  byToken: {},
  byModel: {},
};

let server;
let folder;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-tokens-'));
  const file = path.join(folder, 'tokens.json');
  const scopes = { admin: ['admin'], alice: ['read'], bob: ['read', 'write'] };
  const tokens = Object.entries(kSecrets).map(([name, token]) => ({ name, token, scopes: scopes[name] }));
  fs.writeFileSync(file, JSON.stringify({ tokens }));
  server = await startServer({ authTokensFile: file });
  server.manager.costs = async (options) => {
    server.manager.calls.push(options);
    return { currency: 'USD', day: kCost, hours: [kPeriod], days: [kPeriod, kPeriod], advice: [], budgets: [] };
  };
});
afterAll(async () => {
  await server.app.close();
  fs.rmSync(folder, { recursive: true });
});
beforeEach(() => {
  server.manager.calls.length = 0;
});

/** @param {string} query @param {keyof typeof kSecrets} who */
const ask = (query, who) =>
  request(server.port, `/v1/costs${query}`, { headers: { authorization: `Bearer ${kSecrets[who]}` } });

test('an admin sees all, or those of one caller', async () => {
  expect(await ask('', 'admin')).toMatchObject({ status: 200, json: { currency: 'USD', day: kCost } });
  expect((await ask('?caller=token%20bob', 'admin')).status).toBe(200);
  expect(server.manager.calls).toEqual([{}, { caller: 'token bob' }]);
});

test('others see their own, and are refused what is counted for somebody else', async () => {
  expect((await ask('', 'alice')).status).toBe(200);
  expect((await ask('?caller=token%20alice', 'alice')).status).toBe(200);
  expect(server.manager.calls).toEqual([{ caller: 'token alice' }, { caller: 'token alice' }]);
  for (const other of ['token%20bob', 'token%20admin', ''])
    expect(await ask(`?caller=${other}`, 'alice')).toMatchObject({
      status: 403,
      json: { error: { code: 'ERR_FORBIDDEN' } },
    });
  expect(server.manager.calls).toHaveLength(2);
  expect((await request(server.port, '/v1/costs')).status).toBe(401);
});

test('a table has a line for each period and name, and no formula', async () => {
  const { headers, text } = await ask('?format=csv&period=day', 'admin');
  expect(headers['content-type']).toBe('text/csv; charset=utf-8');
  const lines = text.trimEnd().split('\r\n');
  expect(lines).toHaveLength(1 + 2 * 4);
  expect(lines[0]).toBe('start,by,name,jobs,seconds,cost,currency');
  expect(lines[1]).toBe('2026-11-30T22:00:00.000Z,,,2,0.5,0.25,USD');
  expect(lines[2]).toBe('2026-11-30T22:00:00.000Z,device,cpu:0,2,0.5,0.25,USD');
  expect(lines[4]).toBe(`2026-11-30T22:00:00.000Z,caller,"'=cmd(""x""), the first",2,0.5,0.25,USD`);
});

test.each(['?format=xml', '?period=week', '?user=me', '?caller=a&caller=b'])('%s is refused', async (query) => {
  expect(await ask(query, 'admin')).toMatchObject({ status: 400, json: { error: { code: 'ERR_INVALID_ARGUMENT' } } });
});

test('a job is counted for its caller and token, whatever the client says', async () => {
  const headers = { authorization: `Bearer ${kSecrets.bob}` };
  expect((await post(server.port, kSmall, headers)).status).toBe(200);
  expect(server.manager.calls[0].options.account).toEqual({ caller: 'token bob', token: 'bob' });
  const forged = { ...kSmall, options: { account: { caller: 'token alice' } } };
  expect((await post(server.port, forged, headers)).status).toBe(400);
});
