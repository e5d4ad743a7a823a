// What the jobs of one process have taken of devices, in rows that go to the coordinator about once a second. A job
// adds some numbers to a row; nothing is made for it.
'use strict';
const { SharedAccount } = require('./account');
const { priceOf } = require('./prices');

/** @typedef {import('../index').Account} Account */
/** @typedef {Account|SharedAccount|undefined} Payer */
/** @typedef {{ device: string, deviceName: string, contextType: string }} Where a context, as far as it matters here */
/**
 * What jobs of one kind, for one account, have taken of one device since the last report.
 * @typedef {object} UseRow
 * @property {string} device
 * @property {string} kind
 * @property {string} workload
 * @property {string} caller
 * @property {string} token
 * @property {string} model
 * @property {number} jobs that ran; of a job of several accounts each has its share
 * @property {number} ms of the device
 * @property {number} cost
 * @property {number} units what they were estimated at, as far as that is known: ms of the reference core
 * @property {number} unitMs what those took
 * @property {number} soloUnits the same of those that ran alone in their launch
 * @property {number} soloMs
 * @property {number} cached jobs that were answered without a run
 * @property {number} savedByCache what those had cost
 * @property {number} savedByBatching
 * @property {number} savedByRouting
 * @property {number} again jobs that ran though their result had been kept before
 * @property {number} againCost what those have cost
 */

const kNone = {};

/**
 * @param {Where} where
 * @param {string} workload
 * @param {Account} account
 * @returns {UseRow}
 */
function emptyRow({ device, contextType }, workload, { caller = '', token = '', model = '' }) {
  return {
    device,
    kind: contextType,
    workload,
    caller,
    token,
    model,
    jobs: 0,
    ms: 0,
    cost: 0,
    units: 0,
    unitMs: 0,
    soloUnits: 0,
    soloMs: 0,
    cached: 0,
    savedByCache: 0,
    savedByBatching: 0,
    savedByRouting: 0,
    again: 0,
    againCost: 0,
  };
}

/** What one workload takes on one device for each unit that it is estimated at, of all accounts. */
class Pace {
  units = 0;
  ms = 0;

  /** @returns {number|undefined} ms for a unit; undefined: not known yet */
  get perUnit() {
    return this.units > 0 ? this.ms / this.units : undefined;
  }
}

/** What jobs have taken of one device. */
class Counter {
  /** Jobs without an account that ran at once, by 1 + `counted`. */
  #jobs = new Float64Array(1);
  /** Their ms. */
  #ms = new Float64Array(1);
  /** Of others without an account, by 1 + `counted`. @type {(UseRow|undefined)[]} */
  rows = [];
  /** Of single runs, by 1 + `counted`. @type {(Pace|undefined)[]} */
  paces = [];

  /**
   * @param {Where} where
   * @param {number} price of a ms
   */
  constructor(where, price) {
    this.where = where;
    this.price = price;
  }

  /**
   * A job has run within its call, as most small ones do.
   * @param {number} counted its workload's place in countedNames
   * @param {number} ms of the device
   * @returns {number} what it has cost
   */
  ranAtOnce(counted, ms) {
    const place = counted + 1;
    if (place >= this.#jobs.length) this.#grow(place);
    this.#jobs[place] += 1;
    this.#ms[place] += ms;
    return ms * this.price;
  }

  /** @param {number} place */
  #grow(place) {
    const [jobs, ms] = [this.#jobs, this.#ms];
    this.#jobs = new Float64Array(2 * place + 1);
    this.#ms = new Float64Array(2 * place + 1);
    this.#jobs.set(jobs);
    this.#ms.set(ms);
  }

  /**
   * Since the last time.
   * @param {(counted: number) => UseRow} rowOf
   */
  takeAtOnce(rowOf) {
    this.#jobs.forEach((jobs, place) => {
      if (jobs === 0) return;
      const row = rowOf(place - 1);
      row.jobs += jobs;
      row.ms += this.#ms[place];
      row.cost += this.#ms[place] * this.price;
    });
    this.#jobs.fill(0);
    this.#ms.fill(0);
  }
}

/**
 * A run's numbers, added to a row.
 * @param {UseRow} row
 * @param {number} share of the run
 * @param {number} ms
 * @param {number} price
 * @param {number} units
 * @param {boolean} isAlone
 * @param {number} saved
 */
function addRun(row, share, ms, price, units, isAlone, saved) {
  row.jobs += share;
  row.ms += share * ms;
  row.cost += share * ms * price;
  row.savedByBatching += share * saved;
  if (units <= 0) return;
  row.units += share * units;
  row.unitMs += share * ms;
  if (!isAlone) return;
  row.soloUnits += share * units;
  row.soloMs += share * ms;
}

class DeviceUse {
  #prices;
  /** @type {Map<string, Counter>} by device */
  #counters = new Map();
  /** @type {Map<string, UseRow>} of jobs with an account */
  #rows = new Map();
  #typeOf;

  /**
   * @param {Readonly<Record<string, number>>|undefined} prices
   * @param {(counted: number) => string} typeOf what a workload is called
   */
  constructor(prices, typeOf) {
    this.#prices = prices;
    this.#typeOf = typeOf;
  }

  /**
   * Of a device, for as long as there is this.
   * @param {Where} where
   */
  counterOf(where) {
    let counter = this.#counters.get(where.device);
    if (!counter) this.#counters.set(where.device, (counter = new Counter(where, priceOf(this.#prices, where))));
    return counter;
  }

  /**
   * @param {Where} where
   * @returns {number} of a millisecond
   */
  priceOf(where) {
    return this.counterOf(where).price;
  }

  /**
   * A job has run.
   * @param {Where} where
   * @param {number} counted
   * @param {number} ms of the device that are its own part
   * @param {number} units that it was estimated at; 0: that is not known
   * @param {number} batch jobs in its launch
   * @param {Payer} account
   * @returns {number} what it has cost
   */
  ran(where, counted, ms, units, batch, account) {
    const counter = this.counterOf(where);
    const { price } = counter;
    const pace = (counter.paces[counted + 1] ??= new Pace());
    const isAlone = batch === 1;
    let saved = 0;
    if (!isAlone) {
      const { perUnit } = pace;
      if (perUnit !== undefined) saved = Math.max(0, perUnit * units - ms) * price;
    } else if (units > 0) {
      pace.units += units;
      pace.ms += ms;
    }
    if (account === undefined) addRun(this.#plainRow(counter, counted), 1, ms, price, units, isAlone, saved);
    else this.#forEach(where, counted, account, (row, share) => addRun(row, share, ms, price, units, isAlone, saved));
    return ms * price;
  }

  /**
   * A job was answered without a run.
   * @param {Where} where the result was made
   * @param {number} counted
   * @param {number} cost of the run that made it
   * @param {Payer} account
   */
  wasKept(where, counted, cost, account) {
    this.#forEach(where, counted, account, (row, share) => {
      row.cached += share;
      row.savedByCache += share * cost;
    });
  }

  /**
   * A job has run whose result had been kept, but not for long enough.
   * @param {Where} where
   * @param {number} counted
   * @param {number} cost
   * @param {Payer} account
   */
  ranAgain(where, counted, cost, account) {
    this.#forEach(where, counted, account, (row, share) => {
      row.again += share;
      row.againCost += share * cost;
    });
  }

  /**
   * A job went to a cheaper device than it had otherwise.
   * @param {Where} where it ran
   * @param {number} counted
   * @param {number} saved
   * @param {Payer} account
   */
  wasRouted(where, counted, saved, account) {
    this.#forEach(where, counted, account, (row, share) => {
      row.savedByRouting += share * saved;
    });
  }

  /**
   * What a job would take on a device.
   * @param {string} device
   * @param {number} counted
   * @param {number} units
   * @returns {number|undefined} ms; undefined: nothing like it has run there alone
   */
  expect(device, counted, units) {
    const perUnit = this.#counters.get(device)?.paces[counted + 1]?.perUnit;
    return perUnit === undefined ? undefined : perUnit * units;
  }

  /**
   * How far estimates of a workload are from what it takes, over all devices.
   * @param {number} counted
   * @returns {number} of one that has not run the same of all others; 1 where nothing is known
   */
  paceOf(counted) {
    const own = new Pace(),
      all = new Pace();
    for (const { paces } of this.#counters.values())
      paces.forEach((pace, place) => {
        for (const sum of place === counted + 1 ? [own, all] : [all]) {
          sum.units += pace?.units ?? 0;
          sum.ms += pace?.ms ?? 0;
        }
      });
    return own.perUnit || all.perUnit || 1;
  }

  /**
   * @param {Counter} counter
   * @param {number} counted
   */
  #plainRow({ rows, where }, counted) {
    return (rows[counted + 1] ??= emptyRow(where, this.#typeOf(counted), kNone));
  }

  /**
   * @param {Where} where
   * @param {number} counted
   * @param {Payer} account
   * @param {(row: UseRow, share: number) => void} add
   */
  #forEach(where, counted, account, add) {
    if (account === undefined) return add(this.#plainRow(this.counterOf(where), counted), 1);
    if (account instanceof SharedAccount)
      for (const part of account.parts) add(this.#rowOf(where, counted, part), part.share);
    else add(this.#rowOf(where, counted, account), 1);
    return undefined;
  }

  /**
   * @param {Where} where
   * @param {number} counted
   * @param {Account} account
   */
  #rowOf(where, counted, account) {
    const { caller = '', token = '', model = '' } = account;
    const key = JSON.stringify([where.device, counted, caller, token, model]);
    let row = this.#rows.get(key);
    if (!row) this.#rows.set(key, (row = emptyRow(where, this.#typeOf(counted), account)));
    return row;
  }

  /** @returns {UseRow[]|undefined} what has been used since the last time; undefined: nothing */
  take() {
    const rows = [...this.#rows.values()];
    this.#rows.clear();
    for (const counter of this.#counters.values()) {
      counter.takeAtOnce((counted) => this.#plainRow(counter, counted));
      for (const row of counter.rows) if (row) rows.push(row);
      counter.rows = [];
    }
    return rows.length ? rows : undefined;
  }
}

module.exports = { DeviceUse };
