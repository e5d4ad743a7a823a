// The client's ES modules in a browser, which calls the service over both doors; where there is no browser, in Node.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { execFile, spawn, spawnSync } = require('node:child_process');
const { text } = require('node:stream/consumers');
const { promisify } = require('node:util');
const { inRoot } = require('../../support/paths');
const { useDoors } = require('../../support/rpc-service');

const doors = useDoors({ authToken: 'a-token-of-the-test' });
const kChromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** What a page does: it says so in its text. */
const script = (urls) => `
  import { Client } from './index.mjs';
  const said = [];
  for (const url of ${JSON.stringify(urls)}) {
    const client = new Client(url, { token: 'a-token-of-the-test', retries: 0 });
    const data = new Float32Array([1, 2, 3]);
    const { outputs } = await client.executeWorkload({ type: 'normalize', inputs: { input: data } });
    said.push([...outputs.input.data].join());
    said.push(await client.executeWorkload({ type: 'unknown' }).catch((error) => error.code));
    await client.close();
  }
  const refused = new Client(${JSON.stringify(urls)}[0], { token: 'another-token-of-it', retries: 0 });
  said.push(await refused.health().catch((error) => error.code));
  const done = said.join(' ');
`;
const kSaid = '1,2,3 ERR_UNKNOWN_WORKLOAD 1,2,3 ERR_UNKNOWN_WORKLOAD ERR_CONNECTION';
const urls = () => [`ws://127.0.0.1:${doors.rpcPort}`, `http://127.0.0.1:${doors.port}`];

(kChromium ? test : test.skip)(
  'in a browser',
  async () => {
    const page = `<!doctype html><script type="module">${script(urls())}
    await fetch('/said', { method: 'POST', body: done });</script>`;
    let tell;
    const told = new Promise((resolve) => {
      tell = resolve;
    });
    const server = http.createServer((request, response) => {
      const { url } = request;
      if (url === '/said') {
        response.end();
        text(request).then(tell);
      } else if (url === '/') {
        response.setHeader('content-type', 'text/html').end(page);
      } else if (/^\/\w+\.mjs$/.test(url)) {
        response
          .setHeader('content-type', 'text/javascript')
          .end(fs.readFileSync(inRoot('lib', 'client', url.slice(1))));
      } else {
        response.writeHead(404).end();
      }
    });
    await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-browser-'));
    const args = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--remote-debugging-port=0',
    ];
    args.push(`--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`);
    const browser = spawn(kChromium, args, { stdio: 'ignore' });
    const gone = new Promise((resolve) => {
      browser.once('exit', resolve);
    });
    try {
      expect(await told).toBe(kSaid);
    } finally {
      browser.kill();
      await gone;
      server.closeAllConnections();
      server.close();
      fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  },
  120_000,
);

test('as an ES module in Node', async () => {
  const file = path.join(os.tmpdir(), `switchyard-client-${process.pid}.mjs`);
  const source = script(urls())
    .replace('./index.mjs', inRoot('lib', 'client', 'index.mjs'))
    .replaceAll('retries: 0', 'retries: 0, WebSocket: ws');
  fs.writeFileSync(
    file,
    `import { createRequire } from 'node:module';
    const ws = createRequire(${JSON.stringify(inRoot('package.json'))})('ws');${source}console.log(done);`,
  );
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    expect(stdout.trim()).toBe(kSaid);
  } finally {
    fs.rmSync(file);
  }
});
