// The page in the distribution's Chromium: how soon it paints, what a minute of updates takes of a core, and which
// rules of accessibility it breaks, at rest and under load. `--json`; `--shots FOLDER` keeps pictures of it, in both
// themes and at a phone's width.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const axe = require('axe-core');
const { chromium } = require('playwright-core');
const { Client } = require('../lib/client');
const { which } = require('../tools/process');

const kMinuteMs = 60_000;
const kLoads = 3; // paints, of which the middle one counts
const kSizes = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const kWatchedMs = 8000; // before a picture, so that charts have something to show
const kDrawn = '#scenes .scene:nth-child(2) canvas:not([hidden])';
const kToken = 'a-token-of-the-bench';
const kTexts = [
  'A context is a lane of work on a device.',
  'Jobs wait until a context takes them.',
  'The invoice is due in May.',
  'Pears keep best in a cool cellar.',
];

/** @returns {Promise<{ url: string, stop: () => Promise<void> }>} */
async function startService() {
  const folder = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'switchyard-page-'));
  const config = path.join(folder, 'switchyard.config.yaml');
  fs.writeFileSync(
    config,
    'prices: { cpu: 0.05, vulkan: 0.4, cuda: 2.5 }\nbudgets: [{ name: everything, period: day, limit: 0.002 }]\n',
  );
  const program = path.join(__dirname, '..', 'lib', 'cli', 'main.js');
  const args = ['start', '--json', '--port', '0', '--rpc-port', '0', '--workers', '2', '--config', config];
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, AUTH_TOKEN: kToken, MEMORY_DIR: path.join(folder, 'data'), LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  const ready = await new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(JSON.parse(data.toString())));
    ended.then((code) => reject(new Error(`the service ended with ${code}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { url: ready.url, stop };
}

/** Jobs of several kinds, some at a time, until it is stopped; the last gives how many. */
function load(url) {
  const client = new Client(url, { token: kToken });
  const data = Float32Array.from({ length: 256 * 256 }, (_, i) => Math.sin(i));
  const square = { data, shape: [256, 256], dtype: 'float32' };
  const jobs = [
    { type: 'matmul', inputs: { a: square, b: square } },
    { type: 'softmax', inputs: { input: square }, options: { cache: true } },
    { type: 'normalize', inputs: { input: square } },
    { type: 'nothing', inputs: {} },
  ];
  let isOver = false;
  const lanes = [1, 2, 3].map(async (lane) => {
    for (let i = lane; !isOver; ++i) {
      await client.executeWorkload(jobs[i % 97 === 0 ? 3 : i % 3]).catch(() => {});
      await new Promise((resolve) => {
        setTimeout(resolve, 15);
      });
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(lanes);
    await client.close();
  };
}

/** @param {import('playwright-core').Browser} browser */
async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: kSizes.desk, colorScheme: 'light', ...options });
  const page = await context.newPage();
  await page.addInitScript((token) => sessionStorage.setItem('switchyard-token', token), kToken);
  await page.goto(`${url}/admin/gpu-demo`);
  await page.waitForSelector('#context-table tbody tr');
  await page.waitForSelector('#charts canvas');
  return { context, page };
}

/** @param {import('playwright-core').Page} page */
async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => (await globalThis.axe.run(document)).violations);
  return found.map(({ id, nodes }) => `${id} (${nodes.length})`);
}

/** Milliseconds until something is to be seen. */
async function firstPaint(browser, url) {
  const times = [];
  for (let i = 0; i < kLoads; ++i) {
    const { context, page } = await open(browser, url);
    times.push(
      await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity),
    );
    await context.close();
  }
  return times.sort((a, b) => a - b)[Math.floor(kLoads / 2)];
}

/** What the page's main thread does in a minute, as a share of a core. */
async function shareOfCore(page, ms) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'timeTicks' });
  const read = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const before = await read();
  await page.waitForTimeout(ms);
  const after = await read();
  return (after.TaskDuration - before.TaskDuration) / (after.Timestamp - before.Timestamp);
}

/** Pictures of the whole page, in both themes and sizes. */
async function shoot(browser, url, folder, name) {
  fs.mkdirSync(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'])
    for (const [size, viewport] of Object.entries(kSizes)) {
      const { context, page } = await open(browser, url, { colorScheme, viewport });
      await page.waitForTimeout(kWatchedMs);
      await page.click('#workload button[type=submit]');
      await page.waitForSelector('#workload .result table');
      if (name === 'load') {
        await page.click('#scenes button[type=submit]');
        await page.waitForSelector(kDrawn, { state: 'attached', timeout: 60_000 });
        await page.fill('#search-query', 'when must the bill be paid?');
        await page.click('#search button.main');
        await page.waitForSelector('#search .passages li');
        await page.waitForTimeout(3000);
      }
      await page.evaluate(() => window.scrollTo({ top: 0, behavior: 'instant' }));
      await page.screenshot({ path: path.join(folder, `${name}-${colorScheme}-${size}.png`), fullPage: true });
      await context.close();
    }
}

/** @param {string[]} args */
async function main(args) {
  const executablePath = which(['chromium', 'chromium-browser', 'google-chrome']);
  if (!executablePath) throw new Error('there is no Chromium: apt-get install chromium');
  const at = args.indexOf('--shots');
  const shots = at < 0 ? undefined : path.resolve(args[at + 1]);
  const minute = Number(process.env.BENCH_MINUTE_MS ?? kMinuteMs);
  const service = await startService();
  const browser = await chromium.launch({
    executablePath,
    handleSIGTERM: false,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  let stop = async () => {};
  try {
    const figures = { firstPaintMs: await firstPaint(browser, service.url) };
    if (shots) await shoot(browser, service.url, shots, 'rest');
    const client = new Client(service.url, { token: kToken });
    await client.memory_remember({ documents: kTexts }).catch((error) => process.stderr.write(`${error.message}\n`));
    await client.close();
    stop = load(service.url);
    const { page, context } = await open(browser, service.url);
    figures.shareOfCore = await shareOfCore(page, minute);
    figures.axe = await violations(page);
    await context.close();
    if (shots) await shoot(browser, service.url, shots, 'load');
    const lines = Object.entries(figures).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    console.log(args.includes('--json') ? JSON.stringify(figures) : lines.join('\n'));
  } finally {
    await stop();
    await browser.close();
    await service.stop();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
