// Two images of the same size, RGBA8.
'use strict';

// In steps of a channel: mean and max; and the share of pixels that are not equal.
function differences(a, b) {
  if (a.length !== b.length) throw new Error(`the images have ${a.length} and ${b.length} bytes`);
  let sum = 0,
    max = 0,
    changed = 0;
  for (let i = 0; i < a.length; i += 4) {
    let most = 0;
    for (let c = i; c < i + 4; ++c) {
      const step = Math.abs(a[c] - b[c]);
      sum += step;
      if (step > most) most = step;
    }
    if (most > max) max = most;
    if (most) ++changed;
  }
  return { mean: sum / a.length, max, changedPercent: (400 * changed) / a.length };
}

module.exports = { differences };
