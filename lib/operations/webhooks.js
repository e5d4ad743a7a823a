// Events as JSON to addresses of others. One that hangs or fails costs a line in the log, and nothing else: nobody
// waits for it, and only so many are under way.
'use strict';

const kTimeoutMs = 5000;
const kMostUnderWay = 16;

class Webhooks {
  #log;
  #fetch;
  #timeout;
  /** @type {Set<Promise<void>>} */
  #underWay = new Set();

  /**
   * @param {import('../core/log').Logger} log
   * @param {{ fetch?: typeof fetch, timeout?: number }} [how]
   */
  constructor(log, { fetch: send = fetch, timeout = kTimeoutMs } = {}) {
    this.#log = log;
    this.#fetch = send;
    this.#timeout = timeout;
  }

  /**
   * @param {string} name of what it is about, for the log
   * @param {string} url
   * @param {object} event
   */
  send(name, url, event) {
    if (this.#underWay.size >= kMostUnderWay) {
      this.#log.warn({ alert: name }, 'a webhook is left out: too many are under way');
      return;
    }
    const sent = this.#send(name, url, event).finally(() => this.#underWay.delete(sent));
    this.#underWay.add(sent);
  }

  /**
   * @param {string} name
   * @param {string} url
   * @param {object} event
   */
  async #send(name, url, event) {
    try {
      const answer = await this.#fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeout),
      });
      await answer.body?.cancel();
      if (!answer.ok) this.#log.warn({ alert: name, status: answer.status }, 'a webhook was not taken');
    } catch (error) {
      const { name: kind, cause } = /** @type {Error & { cause?: { code?: string } }} */ (error);
      this.#log.warn({ alert: name, reason: cause?.code ?? kind }, 'a webhook could not be sent');
    }
  }

  /** Resolves when none is under way any more. */
  async settled() {
    while (this.#underWay.size) await Promise.all(this.#underWay);
  }
}

module.exports = { Webhooks };
