// Which device a service runs on, and why: a card where there is one. A driver that computes on the processor is none:
// it is slower there than the processor's own backend.
'use strict';
const { GPUError, asGpuError, invalid, isSoftware, show } = require('../../core');

/**
 * @typedef {{ id: string, backend: import('../../index').Backend, type: string, name: string }} Device
 */
/** @typedef {{ device: Device, reason: string }} Choice */

const kChoices = ['auto', 'gpu', 'cpu'];

/** @param {unknown} device */
function checkChoice(device) {
  if (!kChoices.includes(/** @type {string} */ (device)))
    throw invalid(`device is ${show(device)}, but must be 'auto', 'gpu' or 'cpu'`, 'options.device');
  return /** @type {'auto'|'gpu'|'cpu'} */ (device);
}

/** @param {Device} device */
const isCard = (device) => device.backend !== 'cpu' && !isSoftware(device);

/**
 * Why there is no card among them.
 * @param {readonly Device[]} devices
 */
function whyNone(devices) {
  const software = devices.find(isSoftware);
  return software
    ? `there is no GPU: ${software.id}, ${software.name}, computes on the processor`
    : 'there is no GPU that a driver was found for';
}

/**
 * The cards that may be tried, best first, and what is taken where none of them opens.
 * @param {'auto'|'gpu'|'cpu'} wanted
 * @param {readonly Device[]} devices the best first
 * @returns {Choice[]}
 * @throws {GPUError} ERR_UNSUPPORTED: there is none of that kind
 */
function choicesOf(wanted, devices) {
  const cpu = devices.find(({ backend }) => backend === 'cpu');
  const cards = devices.filter(isCard);
  if (wanted === 'cpu') {
    if (!cpu) throw new GPUError('ERR_UNSUPPORTED', "device is 'cpu', but there is no context of the processor here");
    return [{ device: cpu, reason: 'the CPU was asked for' }];
  }
  const best = cards.map((device, i) => ({
    device,
    reason:
      i === 0 && wanted === 'gpu' ? 'a GPU was asked for' : `${device.name} is ${i ? 'the next' : 'the best'} GPU`,
  }));
  if (wanted === 'auto' && cpu)
    best.push({ device: cpu, reason: cards.length ? 'no GPU could be opened' : whyNone(devices) });
  if (!best.length)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `device is '${wanted}', but ${whyNone(devices)}: take 'auto' or 'cpu', and \`npx switchyard doctor\` says what ` +
        'is missing',
    );
  return best;
}

/**
 * The first of them that can be opened. What could not is said in `reason`: an application that wants a card or nothing
 * says 'gpu'.
 * @template T
 * @param {readonly Choice[]} choices one at least
 * @param {(device: Device) => Promise<T>} open
 * @returns {Promise<{ opened: T, choice: Choice }>}
 * @throws {Error} (rejects with) the last one's
 */
async function openFirst(choices, open) {
  let failed = '';
  for (const [i, { device, reason }] of choices.entries())
    try {
      return { opened: await open(device), choice: { device, reason: reason + failed } };
    } catch (error) {
      if (i === choices.length - 1) throw error;
      failed += `; ${device.id} could not be opened: ${asGpuError(error).message}`;
    }
  throw new TypeError('there was nothing to choose from');
}

module.exports = { checkChoice, choicesOf, openFirst };
