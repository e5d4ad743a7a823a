// Alerts: values that are above a threshold for long enough raise one, and clear it once they are well below.
'use strict';

/** @typedef {import('../index').AlertMetric} AlertMetric */
/** @typedef {import('../index').AlertState} AlertState */
/** @typedef {import('../index').AlertEvent} AlertEvent */
/** @typedef {import('../index').ResolvedAlertRule} Rule */
/** @typedef {Readonly<Record<AlertMetric, number>>} Values NaN: nothing tells it */

class Alert {
  /**
   * @param {Rule} rule
   * @param {number} epoch as Date.now() has it
   */
  constructor(rule, epoch) {
    this.rule = rule;
    /** @type {AlertState['state']} */
    this.state = 'unknown';
    this.since = epoch;
    /** @type {number|null} */
    this.value = null;
    this.aboveSince = NaN; // by the clock that is never set back
  }

  /**
   * @param {number} value
   * @param {number} now
   * @returns {AlertState['state']}
   */
  next(value, now) {
    const { above, below, for: ms } = this.rule;
    if (this.state === 'firing' && Number.isNaN(value)) return 'firing';
    if (Number.isNaN(value)) {
      this.aboveSince = NaN;
      return 'unknown';
    }
    if (this.state === 'firing') return value <= below ? 'ok' : 'firing';
    if (value <= above) {
      this.aboveSince = NaN;
      return 'ok';
    }
    if (Number.isNaN(this.aboveSince)) this.aboveSince = now;
    return now - this.aboveSince >= ms ? 'firing' : 'pending';
  }
}

class Alerts {
  #alerts;
  #onChange;

  /**
   * @param {readonly Rule[]} rules
   * @param {number} epoch as Date.now() has it
   * @param {(event: AlertEvent, rule: Rule) => void} onChange it was raised, or cleared
   */
  constructor(rules, epoch, onChange) {
    this.#alerts = rules.map((rule) => new Alert(rule, epoch));
    this.#onChange = onChange;
  }

  get isEmpty() {
    return this.#alerts.length === 0;
  }

  /**
   * @param {Values} values
   * @param {number} now ms of a clock that is never set back
   * @param {number} epoch as Date.now() has it
   */
  look(values, now, epoch) {
    for (const alert of this.#alerts) {
      const value = values[alert.rule.metric];
      const before = alert.state;
      const state = alert.next(value, now);
      alert.value = Number.isNaN(value) ? null : value;
      if (state === before) continue;
      alert.state = state;
      alert.since = epoch;
      if (state === 'firing' || before === 'firing') {
        alert.aboveSince = NaN;
        this.#onChange(/** @type {AlertEvent} */ (stateOf(alert)), alert.rule);
      }
    }
  }

  /** @returns {AlertState[]} of the last look, in the order of the settings */
  states() {
    return this.#alerts.map(stateOf);
  }
}

/** @param {Alert} alert @returns {AlertState} */
function stateOf({ rule: { name, metric, above }, state, since, value }) {
  return { name, metric, state, since, value, threshold: above };
}

module.exports = { Alerts };
