// A store's collection in memory, for tests of what is built on it: it can be crashed, refuse, and be slow.
'use strict';

class FakeCollection {
  #files = new Map();
  #checkpoint = { state: undefined, files: [], through: 0 };
  #records = [];
  #sequence = 0;
  /** How many appends from now on are refused, and after how many. */
  refuseAfter = Infinity;

  async append(pieces) {
    if (this.refuseAfter-- <= 0) throw Object.assign(new Error('the disk is full'), { code: 'ERR_OUT_OF_MEMORY' });
    const sequence = ++this.#sequence;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    // As late as a store may read them.
    this.#records.push({ sequence, bytes: Uint8Array.from(Buffer.concat(pieces)) });
    return sequence;
  }

  async recover() {
    const { state, files, through } = this.#checkpoint;
    const records = this.#records.filter(({ sequence }) => sequence > through);
    return {
      state: state && JSON.parse(JSON.stringify(state)),
      files: files.map((name) => ({ name, path: name, bytes: this.#files.get(name).byteLength })),
      through,
      records: (async function* all() {
        yield* records;
      })(),
    };
  }

  async writeFile(name, pieces) {
    if (this.#files.has(name)) throw new Error(`${name} is there`);
    this.#files.set(name, Uint8Array.from(Buffer.concat([...pieces])).buffer);
    return { path: name, bytes: this.#files.get(name).byteLength };
  }

  async checkpoint({ state, files, through }) {
    for (const name of files) if (!this.#files.has(name)) throw new Error(`${name} is not there`);
    if (through < this.#checkpoint.through) throw new Error('a checkpoint goes back');
    this.#checkpoint = JSON.parse(JSON.stringify({ state, files, through }));
    for (const name of this.#files.keys()) if (!files.includes(name)) this.#files.delete(name);
    this.#records = this.#records.filter(({ sequence }) => sequence > through);
  }

  mapFile(name) {
    return { buffer: this.#files.get(name), close() {} };
  }

  async check(name, offset, bytes) {
    if (offset + bytes > this.#files.get(name).byteLength) throw new Error(`${name} is shorter`);
  }

  /** What lies in it, for tests. */
  get size() {
    return { records: this.#records.length, files: this.#files.size };
  }

  /** As it would be found after a crash now. */
  crash() {
    const copy = new FakeCollection();
    copy.#files = new Map([...this.#files].map(([name, buffer]) => [name, buffer.slice(0)]));
    copy.#checkpoint = JSON.parse(JSON.stringify(this.#checkpoint));
    copy.#records = this.#records.map(({ sequence, bytes }) => ({ sequence, bytes: bytes.slice() }));
    copy.#sequence = this.#sequence;
    return copy;
  }
}

module.exports = { FakeCollection };
