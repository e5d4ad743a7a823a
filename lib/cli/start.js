// `switchyard start`: the options of the service on the command line, as the table of settings has them.
'use strict';
const { Option } = require('commander');
const { kSettings, defaultText } = require('../config');
const { useConfig } = require('./use-config');

/** @typedef {import('../config/settings').Setting} Setting */

const kFlagged = kSettings.filter(({ flag }) => flag);

/** @param {Setting} setting */
function makeOption({ flag, what, env, kind, ...rest }) {
  const otherwise = defaultText({ flag, what, env, kind, ...rest }).replaceAll('`', '');
  return new Option(
    /** @type {string} */ (flag),
    `${what} (${env ? `${env[0]}, else ${otherwise}` : otherwise})`,
  ).argParser(kind.flag);
}

/** @param {{ json?: boolean, config?: string } & Record<string, unknown>} given */
async function start({ json, config, ...given }) {
  if (config !== undefined) useConfig(config);
  const options = Object.fromEntries(
    kFlagged.map((setting) => [setting.name, given[makeOption(setting).attributeName()]]),
  );
  await require('../service').start(options, { json });
}

/**
 * The settings that have no option: what the environment and the config file say.
 * @param {import('commander').AddHelpTextContext} context
 */
function variablesText({ command }) {
  const helper = command.createHelp();
  const width = 30;
  const lines = kSettings
    .filter(({ flag, env }) => !flag && env)
    .map((setting) => {
      const { env = [], what, kind } = setting;
      const unit = kind.variableUnit ? `, in ${kind.variableUnit}` : '';
      const text = `${what}${unit} (${defaultText(setting, false)})`.replaceAll('`', '');
      return helper.formatItem(env[0], width, text, helper);
    });
  const file = helper.boxWrap(
    'All settings may stand in switchyard.config.yaml, too: docs/settings.md.',
    helper.helpWidth ?? 80,
  );
  return `\nEnvironment variables:\n${lines.join('\n')}\n\n${file}`;
}

/** @param {import('commander').Command} program */
function addStart(program) {
  const command = program
    .command('start')
    .description('start workers that serve jobs over HTTP, until a signal stops them');
  for (const setting of kFlagged) command.addOption(makeOption(setting));
  command
    .option('--config <file>', 'the config file (SWITCHYARD_CONFIG, else switchyard.config.yaml)')
    .option('--json', 'say that it is ready as one line of JSON')
    .addHelpText('after', variablesText)
    .addHelpText('after', '\nExit codes: 0 stopped by a signal, 1 it could not start, 2 wrong usage.')
    .action(start);
}

module.exports = { addStart };
