// A binary heap that any item can leave, and a walk over several in order.
'use strict';

/**
 * A binary heap whose items know their place, so that any of them can leave.
 * @template {{ q_at?: number }} T
 */
class Heap {
  /** @param {(a: T, b: T) => number} compare negative when a comes first */
  constructor(compare) {
    this.compare = compare;
    /** @type {T[]} */
    this.items = [];
  }

  /** @param {T} item */
  push(item) {
    this.items.push(item);
    this.#rise(item, this.items.length - 1);
  }

  /** @param {T} item */
  remove(item) {
    const at = /** @type {number} */ (item.q_at);
    const last = /** @type {T} */ (this.items.pop());
    item.q_at = -1;
    if (last !== item) this.#settle(last, at);
  }

  /** @param {T} item whose order has changed */
  moved(item) {
    this.#settle(item, /** @type {number} */ (item.q_at));
  }

  /**
   * @param {T} item
   * @param {number} at
   */
  #settle(item, at) {
    if (this.#rise(item, at) === at) this.#sink(item, at);
  }

  /**
   * @param {T} item
   * @param {number} at
   */
  #rise(item, at) {
    const { items } = this;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.compare(item, items[parent]) >= 0) break;
      this.#put(items[parent], at);
      at = parent;
    }
    this.#put(item, at);
    return at;
  }

  /**
   * @param {T} item
   * @param {number} at
   */
  #sink(item, at) {
    const { items } = this;
    for (let child = 2 * at + 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && this.compare(items[child + 1], items[child]) < 0) ++child;
      if (this.compare(items[child], item) >= 0) break;
      this.#put(items[child], at);
      at = child;
    }
    this.#put(item, at);
  }

  /**
   * @param {T} item
   * @param {number} at
   */
  #put(item, at) {
    this.items[at] = item;
    item.q_at = at;
  }
}

/**
 * The items of heaps from the first on, without taking them out.
 * @template {{ q_at?: number }} T
 * @param {Heap<T>[]} heaps
 * @param {(a: T, b: T) => number} compare across the heaps, of the same order as each of them
 */
function* inOrder(heaps, compare) {
  /** @typedef {{ items: T[], index: number, q_at?: number }} Place */
  /** @type {Heap<Place>} */
  const places = new Heap((a, b) => compare(a.items[a.index], b.items[b.index]));
  for (const { items } of heaps) if (items.length) places.push({ items, index: 0 });
  while (places.items.length) {
    const place = places.items[0],
      { items, index } = place;
    places.remove(place);
    yield items[index];
    for (const child of [2 * index + 1, 2 * index + 2]) if (child < items.length) places.push({ items, index: child });
  }
}

module.exports = { Heap, inOrder };
