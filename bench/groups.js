// Figures that are taken in groups: of each group those that were asked for; one that fails is a figure without a
// value, with the reason.
'use strict';

/**
 * @param {object} group `figures`: [{ name, unit, target, ok }]; take() resolves to { figures, rows }, a figure is
 *   { value, detail }, or { skipped }, the reason why it can not be taken here
 * @param {(name: string) => boolean} chosen
 * @param {(text: string) => void} say
 */
async function takeGroup({ name, figures, take }, chosen, say) {
  const wanted = chosen(name) ? figures : figures.filter((it) => chosen(it.name));
  if (!wanted.length) return { figures: [], rows: [] };
  say(`measuring ${name}`);
  try {
    const { figures: values, rows = [] } = await take();
    return {
      rows,
      figures: wanted.map(({ name: figure, unit, target, ok }) => {
        const { value, detail = '', skipped } = values[figure];
        if (skipped) return { name: figure, value: null, unit, target, met: null, detail: `SKIPPED: ${skipped}` };
        return { name: figure, value, unit, target, met: target ? ok(value) : null, detail };
      }),
    };
  } catch (error) {
    return {
      rows: [],
      figures: wanted.map(({ name: figure, unit, target }) => ({
        name: figure,
        value: null,
        unit,
        target,
        met: target ? false : null,
        detail: `failed: ${error.message}`,
      })),
    };
  }
}

module.exports = { takeGroup };
