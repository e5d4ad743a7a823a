// What this process runs jobs with, its own and those of others: the executor's thread, its contexts, and its compiler.
'use strict';
const { setTimeout } = require('node:timers');
const { native } = require('../../addon');
const { findDevices } = require('../../context');
const { allowedDevices, missingDevices } = require('../../config');
const { Pool } = require('./pool');
const { Compiler } = require('./compiler');
const { asGpuError, nowMs } = require('../../core');

/** @typedef {import('../wire/messages').ToMember} ToMember */
/** @typedef {import('../wire/messages').PlannedContext} PlannedContext */
/** @typedef {import('../../core/log').Logger} Logger */
/**
 * @typedef {object} ExecutionParts
 * @property {import('../../config/config').Config} config
 * @property {Logger} log
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {number} fd of the executor's connection
 * @property {boolean} exitWhenGone whether the process is to end with its coordinator
 * @property {number} pageRegion the region of `page`
 * @property {Float64Array} page the status page of this process
 * @property {(message: import('../wire/messages').ToCoordinator) => void} say
 * @property {() => void} announce tells the others of shared memory that was made since
 */

const kReopenMs = 200; // before the first try to open a context again, then twice as long each time
const kCalmMs = 120000; // after which the next is the first again

class LocalExecution {
  #executor;
  #compiler;
  #reopened = 0;
  #reopenedAt = 0;
  /** @type {PlannedContext[]} */
  #plan = [];

  /** @param {ExecutionParts} parts */
  constructor(parts) {
    const { config, log, registry, fd, exitWhenGone, pageRegion, page, say, announce } = parts;
    this.parts = parts;
    // Where the addon looks.
    if (config.shaderCacheDir !== undefined) process.env.SHADER_CACHE_DIR = config.shaderCacheDir;
    this.#executor = new native.ExecutorHandle(fd, pageRegion, exitWhenGone);
    this.pool = new Pool({ config, page, executor: this.#executor, registry, report: say });
    this.#compiler = new Compiler({ config, log, contexts: () => this.pool.contexts, say, announce });
  }

  /** @param {Float64Array} hello the first message on the executor's connection */
  join(hello) {
    this.#executor.post(hello);
  }

  /** @param {Extract<ToMember, { type: 'plan'|'reopen'|'give-up'|'compile'|'compile-canceled'|
   *   'program-taken' }>} message */
  onMessage(message) {
    switch (message.type) {
      case 'plan':
        this.#onPlan(message.contexts, message.cautious);
        break;
      case 'reopen':
        this.#reopen(message.index);
        break;
      case 'give-up':
        this.pool.giveUp(message.index);
        break;
      case 'compile':
        this.#compiler.onCompile(message);
        break;
      case 'compile-canceled':
        this.#compiler.onCanceled(message.number);
        break;
      case 'program-taken':
        this.#compiler.onTaken(message.number);
        break;
    }
  }

  /**
   * @param {PlannedContext[]} plan
   * @param {boolean} cautious
   */
  async #onPlan(plan, cautious) {
    this.#plan = plan;
    await this.pool.open(plan, cautious);
    try {
      await this.#compiler.warmUp();
    } catch (error) {
      this.parts.log.debug({ reason: asGpuError(error).message }, 'the programs of the last run could not be loaded');
    }
    this.parts.say({ type: 'ready' });
  }

  /**
   * A context of a process that is all there is: a new one takes its place.
   * @param {number} index
   */
  #reopen(index) {
    const planned = this.#plan.find((one) => one.index === index);
    if (!planned) return;
    if (nowMs() - this.#reopenedAt > kCalmMs) this.#reopened = 0;
    this.#reopenedAt = nowMs();
    const wait = kReopenMs * 2 ** Math.min(8, this.#reopened++);
    setTimeout(() => this.pool.reopen(planned), wait).unref();
  }

  /** After what runs there. */
  async close() {
    await this.pool.close();
    this.#executor.stop(true, this.parts.config.contextSwitchTimeout);
    this.#compiler.close();
  }
}

/**
 * @param {Logger} log
 * @param {import('../../config/config').Config} config
 * @returns {import('../../index').DeviceInfo[]} those of this machine that the settings allow; none where they could
 *   not be listed
 */
function listDevices(log, config) {
  try {
    const found = findDevices(config);
    const missing = missingDevices(found, config);
    if (missing.length)
      log.warn({ missing, found: found.map(({ id }) => id) }, 'devices that the settings name are not here');
    return allowedDevices(found, config);
  } catch (error) {
    log.error({ reason: asGpuError(error).message }, 'the devices of this machine could not be listed');
    return [];
  }
}

module.exports = { LocalExecution, listDevices };
