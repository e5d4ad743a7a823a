// What an index of vectors must do, done plainly: an array in the order of insertion, scores in double precision.
'use strict';

const kMetrics = ['cosine', 'dot', 'l2'];
const kDTypes = ['float32', 'float16', 'bfloat16', 'int8'];

function score(metric, a, b) {
  let product = 0,
    squaresA = 0,
    squaresB = 0,
    distance = 0;
  for (let i = 0; i < a.length; ++i) {
    product += a[i] * b[i];
    squaresA += a[i] * a[i];
    squaresB += b[i] * b[i];
    distance += (a[i] - b[i]) ** 2;
  }
  if (metric === 'l2') return Math.fround(distance);
  if (metric === 'dot') return Math.fround(product);
  return squaresA === 0 || squaresB === 0 ? 0 : Math.fround(product / Math.sqrt(squaresA * squaresB));
}

const fieldOf = (metadata, path) => path.split('.').reduce((at, key) => at?.[key], metadata);

/** Whether a value, or an element of an array, compares so. */
function compares(value, operator, than) {
  const each = Array.isArray(value) ? value.filter((element) => !Array.isArray(element)) : [value];
  const same = (x) => typeof x === typeof than && (x === null) === (than === null);
  switch (operator) {
    case '$exists':
      return (value !== undefined) === than;
    case '$eq':
      return each.some((x) => x === than);
    case '$ne':
      return !each.some((x) => x === than);
    case '$in':
      return each.some((x) => than.includes(x));
    case '$nin':
      return !each.some((x) => than.includes(x));
    case '$gt':
      return each.some((x) => same(x) && x > than);
    case '$gte':
      return each.some((x) => same(x) && x >= than);
    case '$lt':
      return each.some((x) => same(x) && x < than);
    case '$lte':
      return each.some((x) => same(x) && x <= than);
    default:
      throw new Error(operator);
  }
}

function passes(metadata, filter) {
  return Object.entries(filter).every(([key, value]) => {
    if (key === '$and') return value.every((each) => passes(metadata, each));
    if (key === '$or') return value.some((each) => passes(metadata, each));
    if (key === '$not') return !passes(metadata, value);
    const field = fieldOf(metadata, key);
    if (value === null || typeof value !== 'object') return compares(field, '$eq', value);
    return Object.entries(value).every(([operator, than]) => compares(field, operator, than));
  });
}

class VectorModel {
  rows = [];

  constructor(metric) {
    this.metric = metric;
  }

  upsert(ids, vectors, metadata) {
    this.remove(ids);
    ids.forEach((id, i) => this.rows.push({ id, vector: vectors[i], metadata: metadata?.[i] }));
  }

  remove(ids) {
    const before = this.rows.length;
    this.rows = this.rows.filter(({ id }) => !ids.includes(id));
    return before - this.rows.length;
  }

  get(id) {
    return this.rows.find((row) => row.id === id);
  }

  search(query, { k = Infinity, threshold, filter, ids }) {
    const sign = this.metric === 'l2' ? 1 : -1;
    return this.rows
      .filter((row) => (!filter || passes(row.metadata ?? {}, filter)) && (!ids || ids.includes(row.id)))
      .map((row) => ({ id: row.id, score: score(this.metric, query, row.vector) }))
      .filter((hit) => threshold === undefined || sign * hit.score <= sign * threshold)
      .map((hit, at) => ({ ...hit, at }))
      .sort((a, b) => sign * (a.score - b.score) || a.at - b.at)
      .slice(0, k);
  }
}

module.exports = { VectorModel, score, kMetrics, kDTypes };
