// Devices that are left out are tried again, in a process that has nothing to lose; where that goes well, new workers
// open them, and workers of ours that do without are replaced, one after the other, when they are idle.
'use strict';
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setTimeout, clearTimeout } = require('node:timers');
const { workerArgv } = require('./worker-argv');
const { kReplaced } = require('./membership');

/** @typedef {import('./member').Member} Member */
/**
 * @typedef {object} RetrialParts
 * @property {import('../../core/log').Logger} log
 * @property {import('./placement').Placement} placement
 * @property {import('./membership').Membership} membership
 * @property {(member: Member) => boolean} mayReplace it only runs jobs, and another takes its place
 * @property {(device: string) => { works: Promise<boolean>, stop: () => void }} [tryOut]
 */

const kTrialMain = path.join(__dirname, '..', 'trial-main.js');
const kTrialMs = 30000;

class Retrials {
  /** @type {Map<string, () => void>} how to stop each that is under way, by device */
  #running = new Map();
  #closed = false;

  /** @param {RetrialParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** @param {number} now ms, as of nowMs() */
  onTick(now) {
    const { placement, membership, mayReplace } = this.parts;
    for (const device of placement.due(now)) if (!this.#running.has(device)) this.#try(device);
    const others = membership.workers.filter(({ inProcess }) => !inProcess);
    if (others.some(({ state }) => state !== 'ready')) return; // one at a time
    const next = others.find((member) => placement.doesWithout(member) && !member.jobs.size && mayReplace(member));
    if (next) membership.dismiss(next, kReplaced);
  }

  /** @param {string} device */
  async #try(device) {
    const { placement, log, tryOut = tryInProcess } = this.parts;
    const { works, stop } = tryOut(device);
    this.#running.set(device, stop);
    const isBack = await works;
    this.#running.delete(device);
    if (this.#closed) return;
    if (isBack) placement.readmit(device);
    else placement.postpone(device);
    if (isBack) log.info({ device }, 'a device that was left out works again');
    else log.debug({ device }, 'a device that was left out does not work yet');
  }

  close() {
    this.#closed = true;
    for (const stop of this.#running.values()) stop();
  }
}

/**
 * Opens a device and computes on it, in a process of its own.
 * @param {string} device
 * @returns {{ works: Promise<boolean>, stop: () => void }}
 */
function tryInProcess(device) {
  const { NODE_CHANNEL_FD: _fd, NODE_UNIQUE_ID: _id, ...env } = process.env;
  const child = spawn(process.execPath, [...workerArgv(process.execArgv), kTrialMain, device], {
    env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: 'ignore',
  });
  const stop = () => {
    child.kill('SIGKILL');
  };
  const timer = setTimeout(stop, kTrialMs);
  timer.unref();
  child.unref();
  /** @type {Promise<boolean>} */
  const works = new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
  works.then(() => clearTimeout(timer));
  return { works, stop };
}

module.exports = { Retrials };
