// Clusters of two workers with faults on order (test/faults), for the files of test/js/cluster/faults: started side by
// side when a file begins, each given to its own test; and what holds in every life.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { devices } = require('./devices');
const { runChild } = require('./run-child');

jest.setTimeout(120000);
/** The kinds of devices here that faults can be ordered for. */
const types = [...new Set(devices.map((id) => id.split(':')[0]))].filter((type) => type !== 'cuda');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

// ---- the clusters run side by side: two that compute, and any number of those that mostly wait

const waiting = [];
let running = 0,
  flags = 0;

function startNext() {
  while (running < 2 && waiting.length) {
    ++running;
    waiting
      .shift()()
      .finally(() => {
        --running;
        startNext();
      });
  }
}

const whenFree = (run) =>
  new Promise((resolve, reject) => {
    waiting.push(() => run().then(resolve, reject));
  });

/**
 * A life of children/faulty-cluster.js; `once` in an order becomes a flag file.
 * @param {string} order
 * @param {object} plan
 * @param {{ slow?: boolean, limit?: number, env?: object }} [how]
 */
function cluster(order, plan, { slow = false, limit = 500, env = {} } = {}) {
  const run = async () => {
    const SWITCHYARD_FAULT = order.replaceAll('once', `once=${path.join(folder, `flag${++flags}`)}`);
    const { code, signal, stdout, stderr } = await runChild('faulty-cluster.js', [JSON.stringify(plan)], {
      env: { SWITCHYARD_BUILD: 'faults', SWITCHYARD_FAULT, CONTEXT_SWITCH_TIMEOUT: limit, ...env },
    });
    if (code !== 0)
      throw new Error(`the primary ended with ${signal ?? code}: ${stdout.slice(0, 2000)} ${stderr.slice(0, 2000)}`);
    return { ...JSON.parse(stdout), faults: (stderr.match(/^switchyard: fault /gm) ?? []).length };
  };
  return slow ? run() : whenFree(run);
}

const lives = [];
// All at once: jest runs one test after the other.
beforeAll(() => {
  for (const start of lives) start();
  startNext();
});

/** Gives a cluster to its test. */
function later(...life) {
  let ended;
  lives.push(() => {
    ended = cluster(...life).then(
      (report) => ({ report }),
      (error) => ({ error }),
    );
  });
  return async () => {
    const { report, error } = await ended;
    if (error) throw error;
    return report;
  };
}

// ---- what holds in every life

const kAll = 25; // jobs of a cluster

function expectOrder(report, { jobs = { ok: kAll }, restarts = {}, status = 'ok', closeMs = 1500 } = {}) {
  expect(report).toMatchObject({
    jobs,
    restarts,
    status,
    wrong: 0,
    later: { ok: 10 },
    isWhole: true,
    running: 0,
    toldWrong: 0,
    outcomes: 0,
    left: 0,
  });
  expect(Object.keys(report.jobs)).toHaveLength(Object.keys(jobs).length);
  expect(report.restarts).toEqual(restarts);
  expect(report.closeMs).toBeLessThan(closeMs);
}

module.exports = { types, folder, kAll, whenFree, startNext, cluster, later, expectOrder };
