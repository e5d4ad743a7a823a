// The example of an application with a cluster and an HTTP server of its own: started, asked, stopped.
'use strict';
const net = require('node:net');
const { spawn } = require('node:child_process');
const { inRoot } = require('../../support/paths');
const { rounds } = require('../../support/rounds');

const script = inRoot('examples', 'cluster-app.js');
const swaps = Number(process.env.SWITCHYARD_SWAPS ?? rounds(10, 100));

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

describe('the cluster application', () => {
  let child, ended, port;
  let output = '',
    errors = '';
  const ask = async (query) => {
    const response = await fetch(`http://127.0.0.1:${port}${query}`);
    return { status: response.status, body: await response.json() };
  };

  beforeAll(async () => {
    port = await freePort();
    child = spawn(process.execPath, [script], {
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    ended = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    await new Promise((resolve, reject) => {
      child.stdout.on('data', (chunk) => {
        output += chunk;
        if (output.includes('\n')) resolve();
      });
      ended.then(() => reject(new Error(`it ended: ${errors}`)));
    });
  }, 60_000);
  afterAll(() => {
    child.kill('SIGKILL');
  });

  test('says when it is ready and what to try', () => {
    expect(output).toContain(`localhost:${port}/search?q=`);
  });

  test('finds licences in the words of the query, in whichever worker', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask('/search?q=beer')));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.nearest[0].id).toBe('Beerware');
      expect(body.nearest.length).toBe(5);
      expect(body.context).toMatch(/^\d+-(cuda|vulkan|cpu)-\d+$/);
    }
    const {
      body: { nearest },
    } = await ask('/search?q=Historical+Permission+Notice,+Markus+Kuhn,+permission+to+use,+copy,+modify');
    expect(nearest.map(({ id }) => id).join(' ')).toContain('HPND');
    expect(nearest.map(({ score }) => score)).toEqual(nearest.map(({ score }) => score).sort((a, b) => b - a));
  });

  test('swaps its vectors while it is asked, and no request is lost or wrong', async () => {
    let updating = true;
    let asked = 0;
    const askAll = Array.from({ length: 8 }, async () => {
      while (updating) {
        const { status, body } = await ask('/search?q=beer');
        expect([status, body.nearest?.[0].id]).toEqual([200, 'Beerware']);
        ++asked;
      }
    });
    const versions = [];
    for (let i = 0; i < swaps; ++i) {
      const response = await fetch(`http://127.0.0.1:${port}/update`, { method: 'POST' });
      versions.push((await response.json()).version);
    }
    updating = false;
    await Promise.all(askAll);
    expect(versions).toEqual(Array.from({ length: swaps }, (_, i) => i + 2));
    expect(asked).toBeGreaterThan(swaps / 2);
  }, 120_000);

  test('a query without words and another path', async () => {
    expect((await ask('/search?q=...')).status).toBe(200); // as near to one as to another
    expect((await ask('/')).status).toBe(404);
  });

  test('SIGTERM ends it and its workers', async () => {
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: null, signal: 'SIGTERM' });
    await expect(ask('/search?q=beer')).rejects.toThrow();
  });
});
