// GET /admin: the page that one watches the service by, and its files as they lie in this package: there is no data in
// them, so whoever may reach the port may have them. What the page shows it asks for with the token of its user.
'use strict';
const fs = require('node:fs/promises');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { HttpError } = require('../exchange');

/** @typedef {import('./endpoints').Handler} Handler */
/** @typedef {{ body: Buffer, type: string, tag: string }} File */

const kTypes = /** @type {Readonly<Record<string, string>>} */ ({
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
});
// Everything from this server, no code and no styles within the page, no frames around it. Pictures are drawn by the
// page itself.
const kPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
const kHeaders = {
  'content-security-policy': kPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

const kPage = path.join(__dirname, 'page');
const kClient = path.join(__dirname, '..', 'client');

/** @returns {[name: string, file: string][]} the chart library's, where it is installed */
function chartFiles() {
  const folder = path.join(path.dirname(require.resolve('uplot/package.json')), 'dist');
  return [
    ['uPlot.mjs', path.join(folder, 'uPlot.esm.js')],
    ['uPlot.css', path.join(folder, 'uPlot.min.css')],
  ];
}

/**
 * What the folders of the page's addresses hold. The addresses are as the files lie to each other in this package, so
 * that what one imports is found in both.
 * @type {Readonly<Record<string, (name: string) => string|undefined>>}
 */
const kFolders = {
  page: (name) => (/^[\w-]+\.(mjs|css|svg)$/.test(name) ? path.join(kPage, name) : undefined),
  client: (name) => (/^\w+\.mjs$/.test(name) ? path.join(kClient, name) : undefined),
  charts: (name) => new Map(chartFiles()).get(name),
};

/** @type {Map<string, Promise<File>>} by path */
const files = new Map();

/** @param {string} file @returns {Promise<File>} */
async function read(file) {
  const body = await fs.readFile(file);
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { body, tag, type: kTypes[path.extname(file)] ?? kTypes['.mjs'] };
}

/**
 * @param {import('./endpoints').Request} request
 * @param {import('./endpoints').Reply} reply
 * @param {string} file
 */
async function send(request, reply, file) {
  let reading = files.get(file);
  if (!reading) files.set(file, (reading = read(file)));
  const { body, type, tag } = await reading.catch(() => {
    files.delete(file);
    throw new HttpError(404, 'ERR_NOT_FOUND', 'the page has no such file: GET /admin gives the page');
  });
  reply.headers(kHeaders).header('etag', tag).type(type);
  if (request.headers['if-none-match'] === tag) return reply.code(304).send();
  return reply.send(body);
}

/**
 * GET /admin, /admin/gpu-demo: the page.
 * @returns {Handler}
 */
function getPage() {
  return (request, reply) => send(request, reply, path.join(kPage, 'index.html'));
}

/**
 * GET /admin/<folder>/<file>: a file of it.
 * @param {'page'|'client'|'charts'} folder
 * @returns {() => Handler}
 */
function getPageFile(folder) {
  return () => (request, reply) => {
    const { file: name } = /** @type {{ file: string }} */ (request.params);
    return send(request, reply, kFolders[folder](name) ?? '');
  };
}

module.exports = { getPage, getPageFile, kPolicy };
