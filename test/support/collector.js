// A stand-in for a collector of OpenTelemetry: takes spans by OTLP over HTTP, as JSON, and remembers them.
'use strict';
const http = require('node:http');
const { json } = require('node:stream/consumers');

/** @param {{ attributes?: { key: string, value: Record<string, unknown> }[] }} of */
function attributesOf({ attributes = [] }) {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, 'intValue' in value ? Number(value.intValue) : Object.values(value)[0]]),
  );
}

/** @returns {Promise<{ url: string, requests: object[], spans: object[], close: () => Promise<void> }>} */
async function startCollector() {
  const requests = [];
  const spans = [];
  const server = http.createServer(async (request, response) => {
    const { url, headers } = request;
    const body = await json(request);
    requests.push({ url, headers, body });
    for (const { resource, scopeSpans } of body.resourceSpans)
      for (const { scope, spans: some } of scopeSpans)
        for (const span of some)
          spans.push({
            ...span,
            attributes: attributesOf(span),
            resource: attributesOf(resource),
            scope: scope.name,
            begin: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
            ms: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
          });
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = () => new Promise((resolve) => server.close(resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, requests, spans, close };
}

module.exports = { startCollector };
