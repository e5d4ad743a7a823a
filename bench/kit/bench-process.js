// switchyard_bench --serve in a process of its own: a line asked, a line answered. One that dies or does not answer is
// replaced at the next question, so that a case that goes wrong costs itself alone.
'use strict';
const { spawn } = require('node:child_process');
const readline = require('node:readline');

class BenchProcess {
  #program;
  #device;
  #env;
  #child = null;
  #waiting = [];
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
    const child = spawn(this.#program, ['--serve', this.#device], { env: this.#env, stdio: 'pipe' });
    this.#child = child;
    this.#errors = '';
    child.stdin.on('error', () => {}); // its end is told below
    child.stderr.on('data', (text) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.#child === child) this.#waiting.shift()?.resolve(line);
    });
    const end = (why) => {
      if (this.#child !== child) return;
      this.#child = null;
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${why} ${this.#errors}`.trim()));
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) =>
      end(`the process ${signal ? `was ended by ${signal}` : `exited with ${code}`}`),
    );
    return this.#answer();
  }

  #answer() {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  async #parsed(pending, timeoutMs) {
    let timer;
    const tooLong = new Promise((_, reject) => {
      timer = setTimeout(() => {
        this.kill();
        reject(new Error(`no answer in ${Math.round(timeoutMs / 1000)} s`));
      }, timeoutMs);
    });
    try {
      pending.catch(() => {}); // once it is too late nobody listens
      const answer = JSON.parse(await Promise.race([pending, tooLong]));
      if (answer.error) throw new Error(answer.error);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} line @param {number} timeoutMs */
  async ask(line, timeoutMs) {
    if (!this.#child) await this.#parsed(this.#start(), timeoutMs);
    const pending = this.#answer();
    this.#child?.stdin.write(`${line}\n`);
    return this.#parsed(pending, timeoutMs);
  }

  kill() {
    const child = this.#child;
    this.#child = null;
    this.#waiting.splice(0);
    child?.kill('SIGKILL');
  }
}

module.exports = { BenchProcess };
