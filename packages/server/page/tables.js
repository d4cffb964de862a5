import { byId, clock, duration, fillTable, make, short } from './dom.js';

const PHASE_TONE = { stalled: 'bad', retrying: 'warn', door: 'warn', queued: 'warn' };

function phaseChip({ phase, phaseMs }) {
  return make('span', { className: `chip ${PHASE_TONE[phase] ?? ''}`, text: `${phase} ${duration(phaseMs)}` });
}

function budgetMeter({ budgetMs, leftMs }) {
  const used = Math.max(0, budgetMs - leftMs);
  const text = `${duration(Math.max(0, leftMs))} of ${duration(budgetMs)} left`;
  const meter = make('meter', { min: 0, max: budgetMs, high: budgetMs * 0.8, optimum: 0, value: used, title: text });
  return make('span', {}, [
    meter,
    make('span', { className: 'quiet', text: ` ${duration(Math.max(0, leftMs))} left` }),
  ]);
}

function stopChip({ stop, endedAt }) {
  if (stop === undefined) return make('span', { className: 'chip', text: endedAt === undefined ? 'running' : 'ended' });
  const isGood = stop.kind === 'complete';
  const text = isGood && stop.verified === false ? 'complete, unverified' : stop.kind.replaceAll('_', ' ');
  return make('span', { className: `chip ${isGood ? (stop.verified === false ? 'quiet' : 'good') : 'bad'}`, text });
}

/** Fills every table of the page. */
export function fillTables(snapshot) {
  fillTable(
    byId('calls'),
    [
      ['tool', (call) => call.tool],
      ['provider', (call) => (call.model ? `${call.provider} · ${call.model}` : call.provider), 'minor'],
      ['session', (call) => short(call.session), 'minor'],
      ['phase', phaseChip],
      ['steps', (call) => call.steps, 'number'],
      ['age', (call) => duration(call.ageMs), 'number'],
      ['time-out budget', budgetMeter],
    ],
    [...snapshot.calls].sort((a, b) => b.ageMs - a.ageMs),
    'No call is in flight.',
  );
  fillTable(
    byId('runs'),
    [
      ['tool', (run) => run.tool],
      ['steps', (run) => run.steps, 'number'],
      ['stop', stopChip],
      ['confidence', (run) => run.confidence?.replaceAll('_', ' ') ?? ''],
      ['took', (run) => duration((run.endedAt ?? snapshot.at) - run.startedAt), 'number'],
      ['run', (run) => short(run.runId), 'minor'],
    ],
    [...snapshot.runs].sort((a, b) => b.startedAt - a.startedAt),
    'No run yet.',
  );
  fillTable(
    byId('sessions'),
    [
      ['session', (session) => short(session.id)],
      ['over', (session) => session.transport, 'minor'],
      ['', (session) => (session.connected ? '' : 'away')],
      ['door', (session) => session.atDoor, 'number'],
      ['queued', (session) => session.waiting, 'number'],
      ['running', (session) => session.running, 'number'],
      ['idle', (session) => duration(session.idleMs), 'number minor'],
    ],
    [...snapshot.sessions].sort((a, b) => b.calls - a.calls),
    'No session.',
  );
  fillTable(
    byId('holders'),
    [
      ['permit', (holder) => holder.id, 'number minor'],
      ['provider', (holder) => holder.provider ?? ''],
      ['session', (holder) => short(holder.session ?? '')],
      [
        'state',
        (holder) => make('span', { className: `chip ${holder.state === 'held' ? '' : 'bad'}`, text: holder.state }),
      ],
      ['age', (holder) => duration(holder.ageMs), 'number'],
    ],
    [...snapshot.holders].sort((a, b) => b.ageMs - a.ageMs),
    'Nobody holds a permit.',
  );
  const notes = [...snapshot.notes]
    .reverse()
    .map(({ at, kind, text }) =>
      make('li', {}, [
        make('span', { className: 'quiet', text: `${clock(at)} ` }),
        make('span', { className: kind === 'recovered' ? 'good' : 'warn', text: `${kind} ` }),
        make('span', { text }),
      ]),
    );
  byId('notes').replaceChildren(
    ...(notes.length > 0 ? notes : [make('li', { className: 'empty', text: 'Nothing to report.' })]),
  );
}

/** Fills the row of totals. */
export function fillTotals({ totals, eventLoopLagMs }) {
  const entries = [
    ['finished', totals.finished],
    ['failed', totals.failed, totals.failed > 0 ? 'bad' : ''],
    ['shed', totals.shed, totals.shed > 0 ? 'warn' : ''],
    ['cancelled', totals.cancelled],
    ['leaks proven', totals.leaksDetected, totals.leaksDetected > 0 ? 'bad' : ''],
    ['recovered', totals.recovered],
    ['late releases', totals.lateReleases],
    ['loop lag p99', duration(eventLoopLagMs.p99), eventLoopLagMs.p99 > 200 ? 'bad' : ''],
  ];
  byId('totals').replaceChildren(
    ...entries.map(([name, value, tone]) =>
      make('div', {}, [make('dt', { text: name }), make('dd', { text: value, className: tone ?? '' })]),
    ),
  );
}
