// Whom a job's cost is counted for.
'use strict';
const { invalid, show, refuseUnknownKeys } = require('../core');

/** @typedef {import('../index').Account} Account */
/** @typedef {Account & { share: number }} Part */

const kNames = /** @type {const} */ (['caller', 'token', 'model']);
/** @type {ReadonlySet<string>} */
const kKnown = new Set(kNames);
const kMostLength = 256;

/** Of a job that several share: each has its share of it, all together 1. */
class SharedAccount {
  /** @param {readonly Part[]} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** The model that it runs, which is the same for all. */
  get model() {
    return this.parts[0]?.model;
  }
}

/**
 * @param {unknown} given
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkAccount(given) {
  if (given instanceof SharedAccount) return;
  if (given === null || typeof given !== 'object' || Array.isArray(given))
    throw invalid(`account is ${show(given)}, but must be an object { caller, token, model }`, 'options.account');
  refuseUnknownKeys(given, kKnown, 'field of account', 'options.account.');
  const fields = /** @type {Record<string, unknown>} */ (given);
  for (const name of kNames) {
    const value = fields[name];
    if (value !== undefined && !(typeof value === 'string' && value.length <= kMostLength))
      throw invalid(
        `account.${name} is ${show(value)}, but must be a text of at most ${kMostLength} characters`,
        `options.account.${name}`,
      );
  }
}

/**
 * Of a job that several calls have parts in.
 * @param {Iterable<readonly [account: Account|SharedAccount|undefined, weight: number]>} weights
 * @returns {Account|SharedAccount|undefined} undefined: nobody is named
 */
function accountOfParts(weights) {
  /** @type {Map<unknown, { account: Account|SharedAccount|undefined, sum: number }>} */
  const sums = new Map();
  let all = 0;
  for (const [account, weight] of weights) {
    const key = keyOf(account);
    const found = sums.get(key);
    if (found) found.sum += weight;
    else sums.set(key, { account, sum: weight });
    all += weight;
  }
  const [first] = sums.values();
  if (sums.size <= 1 || !(all > 0)) return first?.account;
  return new SharedAccount(Array.from(sums.values(), ({ account, sum }) => ({ ...account, share: sum / all })));
}

/**
 * The same of accounts that are equal, which need not be one object: those of other processes never are.
 * @param {Account|SharedAccount|undefined} account
 */
function keyOf(account) {
  if (account === undefined || account instanceof SharedAccount) return account;
  return JSON.stringify([account.caller, account.token, account.model]);
}

/**
 * The same for jobs of a model.
 * @param {Account|SharedAccount|undefined} account
 * @param {string} model
 * @returns {Account|SharedAccount}
 */
function withModel(account, model) {
  if (account instanceof SharedAccount) return new SharedAccount(account.parts.map((part) => ({ ...part, model })));
  return { ...account, model };
}

module.exports = { checkAccount, SharedAccount, accountOfParts, withModel };
