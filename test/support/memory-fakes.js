// An index and a store as a memory sees them, in a few lines: exact, kept in what outlives them, and able to end at any
// write as a process does.
'use strict';

/** @typedef {{ puts: Map<string, Buffer>, rows: Map<string, object>, writes: number, dieAt: number }} Disk */

/** What outlives a fake process. After `dieAt` writes nothing is written any more. */
const makeDisk = () => ({ puts: new Map(), rows: new Map(), writes: 0, dieAt: Infinity });

function write(disk, change) {
  if (disk.writes >= disk.dieAt) throw new Error('the process has ended');
  disk.writes += 1;
  return change();
}

class FakeStore {
  constructor(disk) {
    this.disk = disk;
    this.closed = false;
  }
  async get(key) {
    return this.disk.puts.get(key);
  }
  async put(key, value) {
    write(this.disk, () => this.disk.puts.set(key, Buffer.from(value)));
  }
  async delete(key) {
    return write(this.disk, () => this.disk.puts.delete(key));
  }
  async list({ prefix }) {
    return [...this.disk.puts.keys()].filter((key) => key.startsWith(prefix));
  }
  async close() {
    this.closed = true;
  }
}

const fieldOf = (metadata, field) => metadata?.[field];
/** Equality, $gte, $and: what the tests ask for. */
function passes(filter, metadata) {
  return Object.entries(filter).every(([field, wanted]) => {
    if (field === '$and') return wanted.every((each) => passes(each, metadata));
    if (wanted !== null && typeof wanted === 'object') return fieldOf(metadata, field) >= wanted.$gte;
    return fieldOf(metadata, field) === wanted;
  });
}

function cosine(a, b) {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; ++i) [dot, aa, bb] = [dot + a[i] * b[i], aa + a[i] ** 2, bb + b[i] ** 2];
  return aa && bb ? dot / Math.sqrt(aa * bb) : 0;
}

class FakeIndex {
  constructor(disk, { dimensions }) {
    Object.assign(this, { disk, dimensions, closed: false });
  }
  get size() {
    return this.disk.rows.size;
  }
  async upsert(ids, { data, shape }, { metadata }) {
    if (shape[0] !== ids.length || shape[1] !== this.dimensions) throw new Error('wrong shape');
    const kept = metadata.map((each) => JSON.stringify(each));
    await null;
    write(this.disk, () =>
      ids.forEach((id, i) => {
        this.disk.rows.delete(id);
        this.disk.rows.set(id, { vector: data.slice(i * shape[1], (i + 1) * shape[1]), metadata: kept[i] });
      }),
    );
  }
  async remove(ids) {
    await null;
    return write(this.disk, () => ids.filter((id) => this.disk.rows.delete(id)).length);
  }
  async has(id) {
    return this.disk.rows.has(id);
  }
  async get(ids) {
    return { metadata: ids.map((id) => JSON.parse(this.disk.rows.get(id).metadata)) };
  }
  async search(query, { k, filter }) {
    const hits = [...this.disk.rows]
      .map(([id, row]) => ({ id, score: cosine(query, row.vector), metadata: JSON.parse(row.metadata) }))
      .filter(({ metadata }) => !filter || passes(filter, metadata))
      .sort((a, b) => b.score - a.score)
      .slice(0, k);
    return {
      ids: hits.map(({ id }) => id),
      scores: Float32Array.from(hits, ({ score }) => score),
      metadata: hits.map(({ metadata }) => metadata),
    };
  }
  stats() {
    return { size: this.size };
  }
  async close() {
    this.closed = true;
  }
}

module.exports = { makeDisk, FakeStore, FakeIndex };
