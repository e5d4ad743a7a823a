// A browser for tests of the page: the distribution's Chromium, driven by Playwright. Where there is none, such tests
// say so and are left out.
'use strict';
const { spawnSync } = require('node:child_process');
const { chromium } = require('playwright-core');

const kNames = ['chromium', 'chromium-browser', 'google-chrome'];
const found = kNames.map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim()).find(Boolean);

/** `describe`, or `describe.skip` with the reason in its name. */
const describeInBrowser = found
  ? describe
  : (name, cases) => describe.skip(`${name} (SKIPPED: no Chromium: apt-get install chromium)`, cases);

/** @returns {Promise<import('playwright-core').Browser>} */
function launch() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath: found, args, timeout: 60_000 });
}

module.exports = { describeInBrowser, launch };
