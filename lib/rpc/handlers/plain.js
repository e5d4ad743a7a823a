// What leaves the machine of what the cluster says of itself: no process ids, and ages in whole milliseconds.
'use strict';

/**
 * @param {object} said
 * @returns {object} a copy
 */
function detailsWithoutPids(said) {
  return JSON.parse(
    JSON.stringify(said, (key, value) =>
      key === 'pid' ? undefined : typeof value === 'number' && /Ms$/.test(key) ? Math.round(value) : value,
    ),
  );
}

module.exports = { detailsWithoutPids };
