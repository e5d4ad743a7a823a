// What a cluster has once, whoever of its processes calls it: which process owns it. The coordinator says who, and says
// it anew when that one dies; what goes between the owner and the others does not come by here.
'use strict';
const { plainError, GPUError, nowMs } = require('../../core');
const { ClusterFolder } = require('./cluster-folder');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('../wire/resource-messages').FromHolder} FromHolder */
/** @typedef {import('../wire/resource-messages').OwnerAnswer} OwnerAnswer */
/**
 * @typedef {object} Row
 * @property {string} key
 * @property {number} turn which owner it is: the number of the last one
 * @property {Member|undefined} owner
 * @property {string|undefined} address undefined: there is no owner, or it is not ready yet, or not any more
 * @property {Map<Member, boolean>} holders those that have it open, and whether they may own it
 * @property {Set<Member>} standBys that follow the owner
 * @property {Set<Member>} warm those of them that have had all of it
 * @property {{ member: Member, id: number }[]} waiting for an owner
 * @property {{ member: Member, id: number }[]} closing who wait for it to be closed
 */

const kLostMs = 10_000; // that a killed process may keep its locks
const kStandBys = 2; // beside an owner: while one takes over, the other one could

class Resources {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #folder;
  #isClosed = false;
  #turns = 0;
  /** @type {Map<string, number>} when owners died that nobody followed, by key */
  #lost = new Map();

  /** @param {{ folder: string|undefined, log: import('../../core/log').Logger }} parts */
  constructor({ folder, log }) {
    this.#folder = new ClusterFolder(folder, log);
  }

  /**
   * @param {Member} member
   * @param {FromHolder} message
   */
  onMessage(member, message) {
    switch (message.type) {
      case 'claim':
        this.#claim(member, message);
        break;
      case 'owned':
        this.#owned(member, message.key, message.turn, message.address);
        break;
      case 'disowned':
        this.#disowned(member, message);
        break;
      case 'standing-by':
        this.#standingBy(member, message.key);
        break;
      case 'released':
        this.#released(member, message);
        break;
    }
  }

  /**
   * @param {Member} member
   * @param {import('../wire/resource-messages').ClaimMessage} message
   */
  #claim(member, { id, key, mayOwn }) {
    const row = this.#rows.get(key) ?? newRow(key);
    this.#rows.set(key, row);
    row.holders.set(member, mayOwn);
    row.waiting.push({ member, id });
    if (row.address !== undefined) {
      this.#answer(row);
      this.#chooseStandBys(row);
    } else if (!row.owner) this.#appoint(row, nowMs() - (this.#lost.get(key) ?? -Infinity) < kLostMs);
  }

  /**
   * Those that have it open, who should own it first: one that wants to, that has followed the owner, a worker sooner
   * than the primary, and of those who owns the fewest, the one that is here longest.
   * @param {Row} row
   */
  #candidates(row) {
    const owned = (/** @type {Member} */ member) =>
      [...this.#rows.values()].filter(({ owner }) => owner === member).length;
    return [...row.holders]
      .filter(([member]) => member.ask !== undefined && member.state !== 'gone')
      .map(([member, mayOwn]) => ({
        member,
        mayOwn,
        rank: [
          Number(member.state === 'leaving'),
          Number(!mayOwn),
          Number(!row.warm.has(member)),
          Number(!row.standBys.has(member)),
          Number(member.inProcess),
          owned(member),
          member.serial,
        ],
      }))
      .sort((a, b) => compare(a.rank, b.rank));
  }

  /**
   * @param {Row} row
   * @param {boolean} isLost whether the owner before has died
   */
  #appoint(row, isLost) {
    const [first] = this.#candidates(row);
    if (!first) return; // those that are left are about to go
    const { member } = first;
    row.owner = member;
    row.standBys.delete(member);
    row.warm.delete(member);
    row.turn = ++this.#turns;
    try {
      member.say({ type: 'own', key: row.key, turn: row.turn, folder: this.#folder.open(), isLost });
    } catch (error) {
      row.owner = undefined;
      this.#refuse(row, error);
    }
  }

  /**
   * Who is to follow the owner: workers that may own it, since their contexts are what it is searched with.
   * @param {Row} row with an address
   */
  #chooseStandBys(row) {
    for (const { member, mayOwn } of this.#candidates(row)) {
      if (row.standBys.size >= kStandBys) return;
      if (!mayOwn || member === row.owner || member.inProcess || member.state === 'leaving') continue;
      if (row.standBys.has(member)) continue;
      row.standBys.add(member);
      this.#tellStandBy(row, member);
    }
  }

  /**
   * @param {Row} row with an address
   * @param {Member} member
   */
  #tellStandBy({ key, turn, address }, member) {
    const folder = this.#folder.open();
    member.say({ type: 'stand-by', key, turn, folder, address: /** @type {string} */ (address) });
  }

  /**
   * @param {Member} member
   * @param {string} key
   */
  #standingBy(member, key) {
    const row = this.#rows.get(key);
    if (row?.standBys.has(member)) row.warm.add(member); // of an owner before, too: it has nearly all of it
  }

  /**
   * @param {Row} row
   * @param {Member} member that has it open no more
   */
  #letGo(row, member) {
    row.standBys.delete(member);
    row.warm.delete(member);
    return row.holders.delete(member);
  }

  /** @param {Row} row with an address */
  #answer(row) {
    const { owner, turn, address } = row;
    for (const { member, id } of row.waiting.splice(0)) {
      const answer = { address: /** @type {string} */ (address), turn, isMine: member === owner };
      member.say({ type: 'answer', id, answer });
    }
  }

  /**
   * @param {Pick<Row, 'waiting'>} row
   * @param {unknown} error
   */
  #refuse(row, error) {
    for (const { member, id } of row.waiting.splice(0))
      member.say({ type: 'answer-error', id, error: plainError(error) });
  }

  /**
   * @param {Member} member
   * @param {string} key
   * @param {number} turn
   * @param {string} address
   */
  #owned(member, key, turn, address) {
    const row = this.#rows.get(key);
    if (!row || row.owner !== member || row.turn !== turn) return;
    row.address = address;
    this.#answer(row);
    for (const standBy of row.standBys) this.#tellStandBy(row, standBy);
    this.#chooseStandBys(row);
    this.#endUnheld(row);
  }

  /**
   * @param {Member} member
   * @param {Extract<FromHolder, { type: 'disowned' }>} message
   */
  #disowned(member, { key, turn, error }) {
    const row = this.#rows.get(key);
    if (!row || row.owner !== member || row.turn !== turn) return;
    row.owner = row.address = undefined;
    if (error) this.#refuse(row, error);
    this.#tellClosed(row);
    if (!row.holders.size) this.#rows.delete(key);
    else if (!error) {
      this.#tellGone(row);
      this.#appoint(row, false);
    }
  }

  /**
   * @param {Member} member
   * @param {import('../wire/resource-messages').ReleasedMessage} message
   */
  #released(member, { id, key }) {
    const row = this.#rows.get(key);
    if (!row || !this.#letGo(row, member)) {
      member.say({ type: 'answer', id, answer: null });
      return;
    }
    const mine = row.waiting.filter((each) => each.member === member);
    row.waiting = row.waiting.filter((each) => each.member !== member);
    this.#refuse({ waiting: mine }, new GPUError('ERR_CLOSED', 'the process that asked has let go of it'));
    row.closing.push({ member, id });
    if (!row.holders.size) {
      this.#endUnheld(row);
      return;
    }
    this.#tellClosed(row);
    if (row.address !== undefined) this.#chooseStandBys(row);
  }

  /** @param {Row} row that is closed, or that others have open */
  #tellClosed(row) {
    for (const { member, id } of row.closing.splice(0)) member.say({ type: 'answer', id, answer: null });
  }

  /**
   * Its owner closes what nobody has open; who claims it meanwhile waits for that.
   * @param {Row} row
   */
  #endUnheld(row) {
    if (row.holders.size) return;
    if (!row.owner) {
      this.#tellClosed(row);
      this.#rows.delete(row.key);
    } else if (row.address !== undefined) {
      row.address = undefined;
      row.owner.say({ type: 'disown', key: row.key, turn: row.turn });
    }
  }

  /**
   * Most see it by their sockets; one that has just connected may not.
   * @param {Row} row whose last owner is none any more
   */
  #tellGone({ key, turn, holders }) {
    for (const holder of holders.keys()) holder.say({ type: 'gone', key, turn });
  }

  /**
   * Who claims it next, and had it not open, is told that a lock may still be there.
   * @param {string} key
   */
  #noteLost(key) {
    const now = nowMs();
    for (const [each, at] of this.#lost) if (now - at >= kLostMs) this.#lost.delete(each);
    this.#lost.set(key, now);
  }

  /** @param {Member} member whose process has ended, or left the cluster */
  onGone(member) {
    if (this.#isClosed) return;
    for (const row of [...this.#rows.values()]) {
      const wasOwner = row.owner === member;
      this.#letGo(row, member);
      row.waiting = row.waiting.filter((each) => each.member !== member);
      if (wasOwner) {
        row.owner = row.address = undefined;
        this.#tellGone(row);
        this.#noteLost(row.key);
      }
      if (!row.holders.size) this.#endUnheld(row);
      else if (!row.owner) this.#appoint(row, true);
      else if (row.address !== undefined) this.#chooseStandBys(row);
    }
  }

  /** The cluster ends, and with it what is on no disk. */
  close() {
    this.#isClosed = true;
    for (const row of this.#rows.values()) this.#refuse(row, new GPUError('ERR_CLOSED', 'the cluster is being closed'));
    this.#rows.clear();
    this.#folder.remove();
  }
}

/**
 * @param {string} key
 * @returns {Row}
 */
function newRow(key) {
  return {
    key,
    turn: 0,
    owner: undefined,
    address: undefined,
    holders: new Map(),
    standBys: new Set(),
    warm: new Set(),
    waiting: [],
    closing: [],
  };
}

/**
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
function compare(a, b) {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
}

module.exports = { Resources };
