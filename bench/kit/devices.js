// Which devices there are, and which of them are measured.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { environmentWith } = require('./libraries');

const kListMs = 60_000;
// With these the loader finds no driver of Vulkan: the name it has had since 1.3.207, and the one before.
const kNoVulkan = { VK_DRIVER_FILES: '/dev/null', VK_ICD_FILENAMES: '/dev/null' };

/** What NVIDIA's own tool says: clocks, power and the bus explain figures that are not as they should be. */
async function cardsBySmi(command, env) {
  const fields = [
    ...['name', 'driver_version', 'pstate', 'clocks.max.sm', 'clocks.max.mem', 'power.limit', 'temperature.gpu'],
    ...['ecc.mode.current', 'mig.mode.current', 'pcie.link.gen.max', 'pcie.link.width.max', 'utilization.gpu'],
  ];
  const args = [`--query-gpu=${fields.join(',')}`, '--format=csv'];
  const { code, output } = await command('nvidia-smi', args, { env, limitMs: 20_000 });
  return code === 0 ? output.trim().split('\n') : [];
}

async function listOnce(command, tests, env) {
  const result = await command(tests, ['--list-devices'], { env, limitMs: kListMs });
  try {
    return { result, found: JSON.parse(result.output) };
  } catch {
    return { result, found: null };
  }
}

/**
 * A driver that crashes is a finding, and most often Vulkan's: without it the rest is found all the same.
 * @returns {Promise<{ found: { devices: object[], problems: object[] }, env: NodeJS.ProcessEnv }>}
 */
async function listDevices(command, tests, env) {
  const first = await listOnce(command, tests, env);
  if (first.found) return { found: first.found, env };
  const { signal, hung, how, errors } = first.result;
  const why = `${hung || how}: ${errors.slice(-2000)}`;
  const without = { ...env, ...kNoVulkan };
  const again = signal ? await listOnce(command, tests, without) : { found: null };
  if (!again.found) throw new Error(`${tests} lists no devices: ${why}`);
  const problems = again.found.problems.filter((it) => it.backend !== 'vulkan');
  const crashed = { backend: 'vulkan', reason: 'a driver ended the listing of devices', detail: why };
  problems.push({ ...crashed, remedy: 'name the drivers that work with VK_DRIVER_FILES' });
  return { found: { ...again.found, problems }, env: without };
}

/**
 * With the loader of the folder that was named, else the machine's; the kit's own where that has none.
 * @param {{ root: string, tests: string }} paths
 */
async function findDevices(command, paths, env) {
  const named = env.SWITCHYARD_KIT_VULKAN;
  const first = named ? { ...env, LD_LIBRARY_PATH: [named, env.LD_LIBRARY_PATH].filter(Boolean).join(':') } : env;
  const listed = await listDevices(command, paths.tests, first);
  const own = path.join(paths.root, '..', 'lib', 'vulkan');
  const lacksLoader = listed.env === first && listed.found.problems.some((it) => it.backend === 'vulkan');
  if (named || !lacksLoader || !fs.existsSync(own)) return listed;
  return listDevices(command, paths.tests, environmentWith(env, [own]));
}

const sayWhy = (problems) => problems.map((it) => `${it.reason}: ${it.detail}`).join('; ');

/**
 * @param {string[]|undefined} asked
 * @param {{ devices: { id: string, type: string }[], problems: object[] }} found
 * @param {string[]} bySmi the tool's lines, with a heading
 * @returns {{ devices: string[], lacking: Record<string, string> }} `lacking`: a card is there, but no way to it
 */
function chooseDevices(asked, { devices, problems }, bySmi) {
  const ids = devices.map((it) => it.id);
  if (asked) {
    const missing = asked.find((it) => !ids.includes(it));
    if (!missing) return { devices: asked, lacking: {} };
    const why = sayWhy(problems.filter((it) => missing.startsWith(it.backend)));
    throw new Error(`there is no ${missing} here, but ${ids.join(', ')}. ${why}`);
  }
  const cards = devices.filter((it) => ['cuda:0', 'vulkan:0'].includes(it.id) && it.type !== 'cpu');
  if (!cards.length)
    throw new Error(
      `no card was found; --device cpu:0 tries the kit without one\n` +
        problems.map((it) => `  no ${it.backend}: ${it.reason} (${it.detail}); ${it.remedy}`).join('\n'),
    );
  const lacksCuda = !ids.includes('cuda:0') && bySmi.length > 1;
  const why = sayWhy(problems.filter((it) => it.backend === 'cuda')) || 'CUDA lists no device';
  return {
    devices: cards.map((it) => it.id),
    lacking: lacksCuda ? { 'cuda:0': `nvidia-smi lists ${bySmi[1].split(',')[0]}, but ${why}` } : {},
  };
}

module.exports = { cardsBySmi, chooseDevices, findDevices, listDevices };
