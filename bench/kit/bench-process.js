// switchyard_bench --serve in a process of its own: a line asked, a line answered. One that dies, loses its device or
// does not answer is replaced at the next question, so that a case that goes wrong costs itself alone.
'use strict';
const readline = require('node:readline');
const { killGroup, spawnWith } = require('./command');

class BenchProcess {
  #program;
  #device;
  #env;
  #child = null;
  #asked = 0;
  #waiting = new Map();
  #errors = '';

  constructor(program, device, env) {
    this.#program = program;
    this.#device = device;
    this.#env = env;
  }

  get pid() {
    return this.#child?.pid;
  }

  #start() {
    const args = ['--serve', this.#device];
    const child = spawnWith(this.#program, this.#program, args, { env: this.#env, stdio: 'pipe' });
    this.#child = child;
    this.#errors = '';
    this.#asked = 0;
    child.stdin.on('error', () => {}); // its end is told below
    child.stderr.on('data', (text) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.#child === child) this.#take(line);
    });
    const end = (why) => {
      if (this.#child !== child) return;
      this.#child = null;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of waiting) reject(new Error(`${why} ${this.#errors}`.trim()));
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) =>
      end(`the process ${signal ? `was ended by ${signal}` : `exited with ${code}`}`),
    );
    return this.#answerTo(0);
  }

  // What a library or a driver prints is no answer: that has the number of its question.
  #take(line) {
    let answer;
    try {
      answer = JSON.parse(line);
    } catch {
      return;
    }
    const waiting = this.#waiting.get(answer?.to);
    if (!waiting) return;
    this.#waiting.delete(answer.to);
    if (answer.lost) this.kill(); // it ends by itself, but the next question is not for it
    waiting.resolve(answer);
  }

  #answerTo(number) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
    });
  }

  async #within(pending, timeoutMs) {
    let timer;
    const tooLong = new Promise((_, reject) => {
      timer = setTimeout(() => {
        this.kill();
        reject(new Error(`no answer in ${Math.round(timeoutMs / 1000)} s`));
      }, timeoutMs);
    });
    try {
      pending.catch(() => {}); // once it is too late nobody listens
      const answer = await Promise.race([pending, tooLong]);
      if (answer.error) throw new Error(answer.error);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} line @param {number} timeoutMs */
  async ask(line, timeoutMs) {
    if (!this.#child) await this.#within(this.#start(), timeoutMs);
    const number = ++this.#asked;
    const pending = this.#answerTo(number);
    this.#child?.stdin.write(`${number} ${line}\n`);
    return this.#within(pending, timeoutMs);
  }

  kill() {
    const child = this.#child;
    this.#child = null;
    this.#waiting.clear();
    if (child) killGroup(child);
  }
}

module.exports = { BenchProcess };
