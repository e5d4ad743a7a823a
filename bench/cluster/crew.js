// The primary's side of a measured cluster: forks the workers, calls operations in them, and carries messages from one
// to the other.
'use strict';
const cluster = require('node:cluster');
const path = require('node:path');

class Crew {
  #waiting = new Map();
  #next = 0;
  constructor({ way, count, serialization = 'advanced' }) {
    cluster.setupPrimary({ exec: path.join(__dirname, 'worker.js'), args: [way], serialization });
    cluster.on('message', (worker, message) => {
      if (message.to !== undefined) cluster.workers[message.to].send(message);
      else if (message.answer !== undefined) {
        const { resolve, reject } = this.#waiting.get(message.answer);
        this.#waiting.delete(message.answer);
        if (message.error) reject(new Error(message.error));
        else resolve(message.result);
      }
    });
    cluster.on('exit', (worker, code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`worker ${worker.id} has ended: ${signal ?? code}`));
      this.#waiting.clear();
    });
    this.workers = Array.from({ length: count }, () => cluster.fork());
    this.ids = this.workers.map(({ id }) => id);
  }
  call(worker, operation, args = {}) {
    const call = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      worker.send({ call, operation, args });
    });
  }
  all(operation, args, workers = this.workers) {
    return Promise.all(workers.map((worker) => this.call(worker, operation, args)));
  }
}

module.exports = { Crew };
