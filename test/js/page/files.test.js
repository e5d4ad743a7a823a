// The page's files: what is given out, to whom, and under which rules for the browser.
'use strict';
const fs = require('node:fs');
const { inRoot } = require('../../support/paths');
const { useServer, request } = require('../../support/http-service');
const { open } = require('../../support/rpc-service');
const { startServer } = require('../../support/http-service');

const server = useServer({ authToken: 'a-token-of-the-test' });
const get = (path, headers) => request(server.port, path, { headers });
const kFiles = fs.readdirSync(inRoot('lib', 'service', 'page')).filter((name) => /\.(mjs|css|svg)$/.test(name));

test.each(['/admin', '/admin/gpu-demo'])('%s is the page, without a token, and under strict rules', async (path) => {
  const { status, headers, text } = await get(path);
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
  const rules = new Map(headers['content-security-policy'].split('; ').map((rule) => rule.split(/ (.*)/).slice(0, 2)));
  expect(rules.get('default-src')).toBe("'none'");
  for (const name of ['script-src', 'style-src', 'connect-src']) expect(rules.get(name)).toBe("'self'");
  expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:/);
});

test('each file that it names is there, with its type', async () => {
  const { text } = await get('/admin');
  const named = [...text.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, path]) => path);
  expect(named.length).toBeGreaterThan(4);
  for (const path of [...named, ...kFiles.map((name) => `/admin/service/page/${name}`)]) {
    const { status, headers } = await get(path);
    expect([path, status]).toEqual([path, 200]);
    const type = { mjs: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }[path.split('.').pop()];
    expect(headers['content-type']).toMatch(type);
  }
});

test('each module that a module imports is there', async () => {
  const seen = new Set();
  const follow = async (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    const { status, text } = await get(path);
    expect([path, status]).toEqual([path, 200]);
    for (const [, from] of text.matchAll(/^(?:import|\} from|import .* from) '([^']+)'|from '([^']+)';$/gm))
      if (from) await follow(new URL(from, `http://a${path}`).pathname);
    for (const [, from] of text.matchAll(/from '([^']+)';/g)) await follow(new URL(from, `http://a${path}`).pathname);
  };
  await follow('/admin/service/page/main.mjs');
  expect(seen).toContain('/admin/client/index.mjs');
  expect(seen.size).toBeGreaterThan(15);
});

test('the chart library comes from its package', async () => {
  const { text, headers } = await get('/admin/charts/uPlot.mjs');
  expect(headers['content-type']).toMatch('text/javascript');
  expect(text).toMatch(/leon/i);
});

test('a file that has not changed is not sent again', async () => {
  const { headers } = await get('/admin/service/page/main.mjs');
  const again = await get('/admin/service/page/main.mjs', { 'if-none-match': headers.etag });
  expect([again.status, again.bytes.length]).toEqual([304, 0]);
});

test.each([
  '/admin/service/page/..%2f..%2f..%2fpackage.json',
  '/admin/service/page/%2e%2e%2findex.js',
  '/admin/service/page/index.html',
  '/admin/service/page/nothing.mjs',
  '/admin/client/index.js',
  '/admin/client/index.d.ts',
  '/admin/charts/package.json',
  '/admin/charts/__proto__',
])('%s is not given out', async (path) => {
  expect(await get(path)).toMatchObject({ status: 404, json: { error: { code: 'ERR_NOT_FOUND' } } });
});

test('it is in the list of endpoints, its files are not', async () => {
  const { text } = await request(server.port, '/', { headers: { authorization: 'Bearer a-token-of-the-test' } });
  expect(text).toMatch('/admin ');
  expect(text).not.toMatch('/admin/client');
});

describe('its origin', () => {
  const allow = async (settings, { origin, host }) => {
    const one = await startServer(settings);
    try {
      const headers = { host: host ?? `127.0.0.1:${one.port}`, authorization: 'Bearer a-token-of-the-test' };
      const at = origin.replace('PORT', one.port);
      const { status } = await request(one.port, '/v1/contexts', { headers: { ...headers, origin: at } });
      const socket = await open(one.port, { origin: at, headers }).then(
        ({ ws }) => ws.close(),
        (error) => error.status,
      );
      expect(socket).toBe(status === 200 ? undefined : status);
      return status;
    } finally {
      await one.app.close();
    }
  };
  const token = { authToken: 'a-token-of-the-test' };
  test.each([
    [
      'with a token, by a name',
      { ...token, host: '0.0.0.0' },
      { origin: 'http://gpu.example', host: 'gpu.example' },
      200,
    ],
    [
      'with a token, another page',
      { ...token, host: '0.0.0.0' },
      { origin: 'http://evil.example', host: 'gpu.example' },
      403,
    ],
    [
      'with a token, another port',
      { ...token, host: '0.0.0.0' },
      { origin: 'http://gpu.example:81', host: 'gpu.example' },
      403,
    ],
    ['a list of others', { ...token, allowedOrigins: 'https://a.example' }, { origin: 'http://127.0.0.1:PORT' }, 200],
  ])('%s: %#', async (_, settings, asked, status) => expect(await allow(settings, asked)).toBe(status));

  test('without a token, only where nobody can have pointed a name at it', async () => {
    const anybody = { host: '0.0.0.0', allowAnonymous: true };
    const { originRule, isOwnPage } = require('../../../lib/service/access/origins');
    expect(originRule(anybody)('http://127.0.0.1:3000')).toBe(false);
    expect(isOwnPage('http://127.0.0.1:3000', '127.0.0.1:3000', false)).toBe(true);
    expect(isOwnPage('http://[::1]:3000', '[::1]:3000', false)).toBe(true);
    expect(isOwnPage('http://localhost:3000', 'localhost:3000', false)).toBe(true);
    expect(isOwnPage('http://evil.example:3000', 'evil.example:3000', false)).toBe(false);
    expect(isOwnPage('http://evil.example:3000', 'evil.example:3000', true)).toBe(true);
    expect(isOwnPage('null', 'null', true)).toBe(false);
    expect(isOwnPage('http://10.0.0.5', undefined, true)).toBe(false);
  });
});
