// The page: what the service tells goes to the panels that show it.
import { Connection } from './connection.mjs';
import { byId, fill, h, lamp } from './dom.mjs';
import { Charts } from './charts.mjs';
import { Events } from './events.mjs';
import { Growth, History } from './history.mjs';
import { showOperations } from './cost-panels.mjs';
import { showContexts, showFigures, showKept, showPrograms, showTiers } from './panels.mjs';
import { Scenes } from './scenes.mjs';
import { Search } from './search.mjs';
import { WorkloadForm } from './workload-form.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {import('./dom.mjs').Tone} Tone */

const kSeries = ['jobs', 'switches', 'waiting', 'running', 'p50', 'p99', 'switchP50', 'switchP99', 'queueP50'];
const kThemeKey = 'switchyard-theme';
const kHealth = /** @type {Readonly<Record<string, [text: string, tone: Tone]>>} */ ({
  ok: ['running', 'good'],
  degraded: ['degraded', 'warn'],
  down: ['down: no context takes jobs', 'bad'],
});

const history = new History([...kSeries, 'queueP99', 'memory', 'shared']);
const charts = new Charts(byId('charts'), history);
const events = new Events();
const switches = new Growth();
/** @type {Map<string, string>} of devices, by their ids */
const names = new Map();
/** @type {Json} */
let contexts = [];

/** @type {Readonly<Record<string, (data: Json) => void>>} what is told every so often */
const kReadings = { metrics: takeMetrics, contexts: takeContexts, health: takeHealth, kept: takeKept };

const connection = new Connection({
  onEvent: (event, data) => {
    if (Object.hasOwn(kReadings, event)) kReadings[event](data);
    else events.add(event, data);
  },
  onState: showState,
});
const form = new WorkloadForm(connection);
const scenes = new Scenes(connection, events);
const search = new Search(connection, (texts) => scenes.use(texts));

/** @param {Json} metrics */
function takeMetrics(metrics) {
  const { performance: speed, memoryUsage } = metrics;
  const at = Date.now() / 1000;
  const { latency, queueTime, contextSwitchTime } = speed.recent;
  const between = (/** @type {number} */ value) => (value > 0 ? value : null);
  history.add(at, {
    jobs: speed.jobsPerSecond,
    switches: switches.of(at, speed.contextSwitches),
    waiting: speed.queueDepth,
    running: speed.running,
    p50: between(latency.p50),
    p99: between(latency.p99),
    switchP50: between(contextSwitchTime.p50),
    switchP99: between(contextSwitchTime.p99),
    queueP50: between(queueTime.p50),
    queueP99: between(queueTime.p99),
    memory: memoryUsage.total,
    shared: memoryUsage.shared,
  });
  if (document.hidden) return;
  showFigures(metrics);
  showPrograms(metrics);
  showOperations(metrics);
  charts.update();
}

/** @param {Json} data */
function takeContexts(data) {
  ({ contexts } = data);
  if (!document.hidden) showContexts(contexts, names);
}

/** @param {Json} health */
function takeHealth({ status, contexts: known, memory, draining }) {
  for (const { device, deviceName } of known) names.set(device, deviceName);
  if (document.hidden) return;
  const [text, tone] = draining ? ['stopping: it takes no new jobs', 'warn'] : (kHealth[status] ?? [status, 'idle']);
  showStatus(text, /** @type {Tone} */ (tone));
  showTiers(memory);
}

/** @param {Json} kept */
function takeKept(kept) {
  showKept(kept);
  search.know(kept.memories.map((/** @type {Json} */ { name }) => name));
}

let status = '';

/**
 * @param {string} text
 * @param {Tone} tone
 */
function showStatus(text, tone) {
  if (status === text) return;
  status = text;
  fill(byId('status'), lamp(text, tone));
}

/**
 * @param {import('./connection.mjs').State} state
 * @param {string} [why]
 */
function showState(state, why) {
  if (state === 'connecting') return;
  if (state === 'lost') {
    history.cut();
    showStatus('no connection: it is tried again', 'bad');
  } else if (state === 'refused') {
    showStatus('a token is needed', 'warn');
    askForToken(why);
  } else {
    showStatus('connected', 'good');
    form.load().catch(() => {}); // with the next connection
  }
}

// ---- the token

const login = /** @type {HTMLDialogElement} */ (byId('login'));
const tokenField = /** @type {HTMLInputElement} */ (byId('login-token'));

/** @param {string} [why] */
function askForToken(why) {
  const usual = 'It stays in this tab, and is sent with each request alone.';
  byId('login-why').textContent = why ? `${why} ${usual}` : `The token that this page asks with. ${usual}`;
  if (!login.open) login.showModal();
}

byId('token').addEventListener('click', () => askForToken());
byId('login-cancel').addEventListener('click', () => login.close());
byId('login-form').addEventListener('submit', (event) => {
  event.preventDefault();
  login.close();
  connection.use(tokenField.value.trim());
  tokenField.value = '';
});

// ---- the theme

const theme = /** @type {HTMLSelectElement} */ (byId('theme'));

/** @param {string} name '': as the system */
function useTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  charts.redraw();
}

theme.value = localStorage.getItem(kThemeKey) ?? '';
useTheme(theme.value);
theme.addEventListener('change', () => {
  localStorage.setItem(kThemeKey, theme.value);
  useTheme(theme.value);
  scenes.redraw();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  charts.redraw();
  scenes.redraw();
});

// The charts' own rules, once the page stands.
document.head.append(h('link', { rel: 'stylesheet', href: '/admin/charts/uPlot.css' }));
charts.load().catch(() => fill(byId('charts'), h('p', { class: 'nothing' }, 'The charts can not be loaded.')));
connection.open();
