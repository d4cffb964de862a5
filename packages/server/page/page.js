import { createChart } from './chart.js';
import { byId, count, duration } from './dom.js';
import { createFeed } from './feed.js';
import { fillTables, fillTotals } from './tables.js';
import { tierCards } from './tiers.js';

const STATES = {
  connecting: ['connecting', ''],
  live: ['live', 'good'],
  draining: ['draining', 'warn'],
  lost: ['connection lost, trying again', 'bad'],
  token: ['token needed', 'warn'],
};

const main = document.querySelector('main');
const login = byId('login');
let chart;

const feed = createFeed({
  onState(state, wasRefused) {
    const [text, tone] = STATES[state];
    byId('state').textContent = state === 'token' && wasRefused ? 'the token was refused' : text;
    byId('state').className = `chip ${tone}`;
    main.classList.toggle('stale', state === 'lost' || state === 'connecting');
    login.hidden = state !== 'token';
    byId('ask').textContent = "This server asks for a token. It stays in this page's memory.";
    if (state === 'token') byId('token').focus();
  },
  onSnapshot(snapshot) {
    main.hidden = false;
    if (snapshot.scope === 'session') {
      login.hidden = false;
      byId('ask').textContent = "You see your own session. The admin token shows all; it stays in this page's memory.";
    }
    chart ??= createChart(byId('chart'));
    byId('tiers').replaceChildren(...tierCards(snapshot));
    chart.add(snapshot);
    fillTotals(snapshot);
    fillTables(snapshot);
    const simulated = snapshot.simulated.length > 0 ? ` · simulated: ${snapshot.simulated.join(', ')}` : '';
    const scope = snapshot.scope === 'session' ? ' · your session only' : '';
    byId('about').textContent =
      `version ${snapshot.version} · up ${duration(snapshot.uptimeMs)} · ${count(snapshot.connections, 'connection')}${simulated}${scope}`;
    const banner = snapshot.draining
      ? 'The server is draining: it takes no new calls.'
      : snapshot.faults
        ? 'Fault injection is switched on. This is not a server to work with.'
        : '';
    byId('banner').textContent = banner;
    byId('banner').hidden = banner === '';
  },
});

login.addEventListener('submit', (event) => {
  event.preventDefault();
  feed.login(byId('token').value);
  byId('token').value = '';
});
