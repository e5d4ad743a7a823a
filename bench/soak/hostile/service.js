// The server that is soaked: started as a user would, and seen from outside: what all its processes hold, which they
// are, and what it says of itself.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { sleep } = require('../../stats');

const kCli = path.join(__dirname, '../../../lib/cli/main.js');
const kReadyMs = 60_000;

/** The numbers of a file of /proc, in kB, by their names. */
function numbersOf(file) {
  return new Map(
    fs
      .readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => /^(\w+):\s+(\d+)/.exec(line))
      .filter(Boolean)
      .map(([, name, count]) => [name, Number(count)]),
  );
}

/** A process and all that it has started. */
function treeOf(pid) {
  try {
    const children = fs
      .readdirSync(`/proc/${pid}/task`)
      .flatMap((task) => fs.readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
      .filter(Boolean);
    return [pid, ...children.map(Number).flatMap(treeOf)];
  } catch {
    return [];
  }
}

/**
 * What processes hold: descriptors, and memory in MB. Shared memory counts once, whoever has it mapped or only open.
 */
function holdings(pids) {
  const memories = new Map();
  let kilobytes = 0,
    descriptors = 0,
    most = 0;
  for (const pid of pids) {
    try {
      const pss = numbersOf(`/proc/${pid}/smaps_rollup`);
      const own = (pss.get('Pss_Anon') ?? 0) + (pss.get('Pss_File') ?? 0);
      kilobytes += own;
      most = Math.max(most, pss.get('Rss') ?? 0);
      for (const name of fs.readdirSync(`/proc/${pid}/fd`)) {
        ++descriptors;
        const file = `/proc/${pid}/fd/${name}`;
        if (!fs.readlinkSync(file).startsWith('/memfd:')) continue;
        const { ino, blocks } = fs.statSync(file);
        memories.set(ino, blocks * 512);
      }
    } catch {
      // it has ended meanwhile
    }
  }
  const shared = [...memories.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    megabytes: Math.round(kilobytes / 1024 + shared / 2 ** 20),
    mostOfOne: Math.round(most / 1024),
    descriptors,
  };
}

/** One request, whose answer is read as it comes. */
function request(port, { method = 'GET', path: where = '/', headers = {}, body, agent, from, timeoutMs = 60_000 }) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      { host: '127.0.0.1', port, method, path: where, headers, agent, localAddress: from, timeout: timeoutMs },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, bytes: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no byte within ${timeoutMs} ms`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A port on which nobody listens. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

class Service {
  log = '';

  constructor(child, ready) {
    this.child = child;
    this.port = ready.port;
    this.devices = ready.devices.map(({ id }) => id);
    child.stderr.on('data', (chunk) => {
      this.log = (this.log + chunk).slice(-100_000);
    });
    this.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  }

  /** Waits until it says that it is ready. Its port is a fixed one: workers that all begin anew would find another. */
  static async start({ workers = 2, env = {} } = {}) {
    const port = String(await freePort());
    const child = spawn(process.execPath, [kCli, 'start', '--port', port, '--workers', String(workers), '--json'], {
      env: { ...process.env, LOG_LEVEL: 'warn', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Promise((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => child.kill('SIGKILL'), kReadyMs);
      child.stdout.on('data', (chunk) => {
        text += chunk;
        if (!text.includes('\n')) return;
        clearTimeout(timer);
        resolve(new Service(child, JSON.parse(text.slice(0, text.indexOf('\n')))));
      });
      child.on('exit', (code, signal) =>
        reject(new Error(`the server ended with ${signal ?? code} before it was ready`)),
      );
    });
  }

  get holdings() {
    return holdings(treeOf(this.child.pid));
  }

  async health() {
    const { bytes } = await request(this.port, { path: '/health/cluster' });
    return JSON.parse(bytes.toString());
  }

  /** Their processes; while none listens it is waited for. */
  async workers() {
    for (const started = performance.now(); ; await sleep(100)) {
      try {
        const { workers } = await this.health();
        return workers.map(({ pid }) => pid);
      } catch (error) {
        if (performance.now() - started > kReadyMs) throw error;
      }
    }
  }

  /** Waits until it holds so much, or less. */
  async settled(megabytes, timeoutMs, descriptors = Infinity) {
    const started = performance.now();
    let now = this.holdings;
    while ((now.megabytes > megabytes || now.descriptors > descriptors) && performance.now() - started < timeoutMs) {
      await sleep(100);
      now = this.holdings;
    }
    return { ...now, ms: Math.round(performance.now() - started) };
  }

  async stop() {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 70_000);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }
}

/** The most that something holds while something else goes on. */
class Watch {
  most = { megabytes: 0, mostOfOne: 0, descriptors: 0 };
  #timer;
  constructor(look, everyMs = 250) {
    const note = () => {
      const now = look();
      for (const name of Object.keys(this.most)) this.most[name] = Math.max(this.most[name], now[name]);
    };
    note();
    this.#timer = setInterval(note, everyMs);
  }
  stop() {
    clearInterval(this.#timer);
    return this.most;
  }
}

module.exports = { Service, Watch, request, holdings, treeOf };
