// Messages about what a cluster has once, whoever of its processes calls it: who owns it, and where that one listens.
'use strict';
const { string, flag, count, optional } = require('./shapes');

/** @typedef {import('./messages').WireError} WireError */
/**
 * @template T
 * @typedef {import('./shapes').Kind<T>} Kind
 */
/**
 * A process -> the coordinator. `turn`: counts the owners there were.
 * - claim: who owns it? `mayOwn`: this process may become it; the answer, an OwnerAnswer, comes once an owner is ready
 * - owned: this process, which was told to own it, is ready
 * - disowned: it is not the owner any more; with an error, it could not become it
 * - standing-by: it has what that owner has, and follows it: should that one die, it could go on at once
 * - released: nobody in this process has it open any more; the answer comes once it is closed, or others go on with it
 * @typedef {{ type: 'claim', id: number, key: string, mayOwn: boolean }} ClaimMessage
 * @typedef {{ type: 'released', id: number, key: string }} ReleasedMessage
 * @typedef {ClaimMessage
 *   | { type: 'owned', key: string, turn: number, address: string }
 *   | { type: 'disowned', key: string, turn: number, error?: WireError }
 *   | { type: 'standing-by', key: string, turn: number }
 *   | ReleasedMessage} FromHolder
 */
/**
 * The coordinator -> a process.
 * - own: it is the owner from now on; `folder`: of the cluster, on memory; `isLost`: the one before has died
 * - stand-by: it is to follow the owner of that turn, who listens there
 * - disown: nobody has it open any more
 * - gone: its owner of that turn has died, or handed over: what it has not answered, it never will
 * @typedef {{ type: 'own', key: string, turn: number, folder: string, isLost: boolean }} OwnMessage
 * @typedef {{ type: 'stand-by', key: string, turn: number, folder: string, address: string }} StandByMessage
 * @typedef {OwnMessage | StandByMessage | { type: 'disown', key: string, turn: number }
 *   | { type: 'gone', key: string, turn: number }} ToHolder
 */
/** @typedef {{ address: string, turn: number, isMine: boolean }} OwnerAnswer */

const toHolder = {
  own: { key: string, turn: count, folder: string, isLost: flag },
  'stand-by': { key: string, turn: count, folder: string, address: string },
  disown: { key: string, turn: count },
  gone: { key: string, turn: count },
};

/** @param {Kind<WireError>} error */
const fromHolder = (error) => ({
  claim: { id: count, key: string, mayOwn: flag },
  owned: { key: string, turn: count, address: string },
  disowned: { key: string, turn: count, error: optional(error) },
  'standing-by': { key: string, turn: count },
  released: { id: count, key: string },
});

module.exports = { toHolder, fromHolder };
