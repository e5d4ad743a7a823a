// Two images of the same size, RGBA8.
'use strict';

// In steps of a channel: mean, max, and the share of pixels with a channel that differs by over `near`.
function differences(a, b, near) {
  if (a.length !== b.length) throw new Error(`the images have ${a.length} and ${b.length} bytes`);
  let sum = 0, max = 0, far = 0;
  for (let i = 0; i < a.length; i += 4) {
    let most = 0;
    for (let c = i; c < i + 4; ++c) {
      const step = Math.abs(a[c] - b[c]);
      sum += step;
      if (step > most) most = step;
    }
    if (most > max) max = most;
    if (most > near) ++far;
  }
  return { mean: sum / a.length, max, farPercent: (400 * far) / a.length };
}

module.exports = { differences };
