import { duration, make } from './dom.js';

const NAMES = { global: 'Global', session: 'All sessions', glm: 'GLM', kimi: 'Kimi' };
const MAX_PIPS = 60;
const WORST_FIRST = ['leaked', 'quarantined', 'overdue', 'held'];

/** One card per tier: how many permits are in use, in what state, and who waits. */
export function tierCards({ tiers, holders }) {
  return tiers.map((tier) => {
    const states = statesOf(tier, holders);
    const name = tier.type === 'provider' ? tier.provider : tier.type;
    const limited = tier.limit < tier.capacity ? `limit ${tier.limit} for now` : '';
    return make('div', { className: 'card' }, [
      make('h3', {}, [
        make('span', { text: NAMES[name] ?? name }),
        make('span', { className: tier.waiting > 0 ? 'warn' : 'quiet', text: `${tier.waiting} waiting` }),
      ]),
      make('div', {}, [
        make('span', { className: 'big', text: tier.held }),
        make('span', { className: 'quiet', text: tier.type === 'session' ? ' held' : ` of ${tier.capacity}` }),
      ]),
      make('div', { className: 'pips', role: 'img', 'aria-label': `${tier.held} held` }, pips(tier, states)),
      make('div', { className: 'quiet', text: tier.held > 0 ? `oldest ${duration(tier.oldestHoldMs)}` : 'idle' }),
      make('div', {
        className: tier.leaked > 0 ? 'bad' : 'warn',
        text: tier.leaked > 0 ? `${tier.leaked} leaked` : limited,
      }),
    ]);
  });
}

function statesOf(tier, holders) {
  const own = tier.type === 'provider' ? holders.filter((holder) => holder.provider === tier.provider) : holders;
  const states = own.map((holder) => holder.state).sort((a, b) => WORST_FIRST.indexOf(a) - WORST_FIRST.indexOf(b));
  while (states.length < tier.held) states.push('held');
  return states.slice(0, tier.held);
}

function pips(tier, states) {
  const total = tier.type === 'session' ? tier.held : tier.capacity;
  return Array.from({ length: Math.min(total, MAX_PIPS) }, (_, index) =>
    make('span', { className: `pip ${states[index] ?? ''}` }),
  );
}
