// The page in a browser, against a service that runs: what it shows, that it can be used by keyboard and by a screen
// reader, on a phone and in both themes.
'use strict';
const axe = require('axe-core');
const { describeInBrowser, launch } = require('../../support/browser');
const { startService } = require('../../support/started-service');

jest.setTimeout(180_000); // a browser on a machine that does other things, too
const kWaitMs = 90_000;
const kToken = 'a-token-of-the-page';
const kPhone = { width: 390, height: 844 };
const kDesk = { width: 1440, height: 900 };

describeInBrowser('the page', () => {
  let service, browser;
  beforeAll(async () => {
    service = await startService({ env: { AUTH_TOKEN: kToken } });
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  });

  /** A page with all that went wrong in it, and all that it asked for. */
  async function openPage(options = {}, { token = kToken } = {}) {
    const context = await browser.newContext({ viewport: kDesk, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(kWaitMs);
    const seen = { problems: [], urls: [] };
    page.on('pageerror', (error) => seen.problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') seen.problems.push(message.text());
    });
    page.on('request', (request) => seen.urls.push(request.url()));
    page.on('websocket', (socket) => seen.urls.push(socket.url()));
    if (token) await page.addInitScript((given) => sessionStorage.setItem('switchyard-token', given), token);
    await page.goto(`${service.ready.url}/admin/gpu-demo`);
    return { context, page, seen };
  }

  /** Until the service has told of itself. */
  const isLive = (page) => page.waitForSelector('#context-table tbody tr');

  async function violationsOf(page) {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }

  test('asks for a token, takes none that is wrong, and never puts it into an address', async () => {
    const { context, page, seen } = await openPage({}, { token: '' });
    await page.waitForSelector('#login[open]');
    expect(await violationsOf(page)).toEqual([]);
    await page.fill('#login-token', 'not-the-token-of-it');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#login-why').textContent.includes('not valid'));
    await page.fill('#login-token', kToken);
    await page.keyboard.press('Enter');
    await isLive(page);
    expect(await page.isVisible('#login')).toBe(false);
    expect(seen.urls.filter((url) => url.includes('token'))).toEqual([]);
    expect(new Set(seen.urls.map((url) => new URL(url).host))).toEqual(new Set([new URL(service.ready.url).host]));
    await context.close();
  });

  test('shows figures, contexts, tiers and charts, and goes on showing them', async () => {
    const { context, page, seen } = await openPage();
    await isLive(page);
    await page.waitForSelector('#figures .figure');
    await page.waitForSelector('#tiers .measure');
    await page.waitForSelector('#charts canvas');
    expect(await page.locator('#charts canvas').count()).toBe(6);
    const first = await page.textContent('#context-table tbody tr');
    await page.evaluate(() => {
      document.querySelector('#workload-type').value = 'matmul';
    });
    await page.click('#workload button[type=submit]');
    await page.waitForSelector('#workload .result table');
    await page.waitForFunction(
      (before) => document.querySelector('#context-table tbody tr').textContent !== before,
      first,
    );
    expect(await page.textContent('#status')).toMatch(/running|degraded/);
    expect(seen.problems).toEqual([]);
    await context.close();
  });

  test('runs each workload with the numbers that it offers, and shows what is wrong', async () => {
    const { context, page } = await openPage();
    await isLive(page);
    await page.waitForSelector('#workload-type option[value=matmul]', { state: 'attached' });
    const types = await page.$$eval('#workload-type option', (all) => all.map(({ value }) => value));
    expect(types.length).toBeGreaterThan(30);
    const failed = [];
    for (const type of types) {
      await page.selectOption('#workload-type', type);
      await page.click('#workload button[type=submit]');
      await page.waitForSelector('#workload .result table, #workload .result canvas, #workload .failure');
      const failure = await page.$('#workload .failure');
      if (failure) failed.push(`${type}: ${await failure.textContent()}`);
    }
    expect(failed.filter((each) => !/ERR_UNSUPPORTED/.test(each))).toEqual([]);
    await page.selectOption('#workload-type', 'matmul');
    await page.fill('#field-a', '[[1, 2]');
    await page.click('#workload button[type=submit]');
    await page.waitForSelector('#workload .failure');
    expect(await page.textContent('#workload .failure')).toMatch(/a is not JSON/);
    await page.fill('#field-a', '[[1, 2]]');
    await page.fill('#field-b', '[[1], [2], [3]]');
    await page.click('#workload button[type=submit]');
    await page.waitForFunction(() => document.querySelector('#workload .failure')?.textContent.includes('ERR_INVALID'));
    await page.fill('#field-b', '[[3], [4]]');
    await page.click('#workload button[type=submit]');
    await page.waitForSelector('#workload .result td:has-text("11")');
    await context.close();
  });

  test('remembers texts, and finds them by what they mean', async () => {
    const { context, page } = await openPage();
    await isLive(page);
    await page.click('#search summary');
    await page.fill(
      '#search-texts',
      'The cat sleeps on the sofa.\nThe invoice is due in May.\nA train leaves at noon.',
    );
    await page.click('#search details button');
    await page.waitForFunction(
      () => /in the memory now|ERR_/.test(document.querySelector('#search').textContent),
      undefined,
      { timeout: kWaitMs },
    );
    await page.fill('#search-query', 'when is the invoice due?');
    await page.click('#search button.main');
    await page.waitForSelector('#search .passages li, #search .failure');
    expect(await page.textContent('#search .passages li p')).toBe('The invoice is due in May.');
    await context.close();
  });

  test.each([
    ['light', kDesk],
    ['dark', kDesk],
    ['light', kPhone],
    ['dark', kPhone],
  ])(
    'breaks no rule of accessibility: %s, %j',
    async (colorScheme, viewport) => {
      const { context, page } = await openPage({ colorScheme, viewport });
      await isLive(page);
      await page.waitForSelector('#charts canvas');
      await page.waitForSelector('#workload-type option', { state: 'attached' });
      await page.click('#workload button[type=submit]');
      await page.waitForSelector('#workload .result table');
      expect(await violationsOf(page)).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      await context.close();
    },
    60_000,
  );

  test('can be used by the keyboard alone', async () => {
    const { context, page } = await openPage();
    await isLive(page);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement.textContent)).toBe('Skip to the figures');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement.id)).toBe('main');
    const reached = new Set();
    for (let i = 0; i < 40; ++i) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent));
    }
    for (const each of ['workload-type', 'Run', 'search-query', 'Search', 'scene-texts', 'Draw'])
      expect([...reached]).toContain(each);
    await context.close();
  });

  test('the theme can be chosen, and stays', async () => {
    const { context, page } = await openPage({ colorScheme: 'light' });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.selectOption('#theme', 'dark');
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.reload();
    expect(await ground()).toBe(dark);
    await context.close();
  });

  test('comes back by itself after the connection has ended', async () => {
    const { context, page } = await openPage();
    await isLive(page);
    await context.setOffline(true);
    // What is open is not cut by that: the service's side is.
    await page.evaluate(() => performance.clearResourceTimings());
    await context.setOffline(false);
    const other = await startService({ env: { AUTH_TOKEN: kToken } });
    const second = await context.newPage();
    await second.addInitScript((given) => sessionStorage.setItem('switchyard-token', given), kToken);
    await second.goto(`${other.ready.url}/admin`);
    await isLive(second);
    await other.stop();
    await second.waitForFunction(() => /no connection/.test(document.querySelector('#status').textContent));
    await context.close();
  });
});
