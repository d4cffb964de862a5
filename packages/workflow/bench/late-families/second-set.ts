import type { Answer, Family, Move, Rng, Scenario, View } from '../family.ts';
import { looks, reportOf, saysDone, Task, textOf } from '../task.ts';

type Args = Readonly<Record<string, unknown>>;

/** Joins a task with how its agent plays; `onset` and `reachable` may be added. */
function family(
  name: string,
  kind: Family['kind'],
  tools: readonly string[],
  play: (task: Task, rng: Rng) => Pick<Scenario, 'turn'> & Partial<Scenario>,
  more: Partial<Family> = {},
): Family {
  return {
    name,
    kind,
    tools: ['look', ...tools].map((tool) => ({ name: tool })),
    ...more,
    make: (rng): Scenario => {
      const task = new Task(rng, rng.int(4, 9));
      return {
        tool: (_name, args) => task.look(String(args['path'])),
        requirements: task.requirements,
        isSufficient: task.isSufficient,
        reachable: kind === 'solvable',
        ...play(task, rng),
      };
    },
  };
}

const searcher = family('searches before each look', 'solvable', ['search'], (task) => {
  let target: string | undefined;
  return {
    turn: () => {
      if (task.isSufficient()) return saysDone(task);
      if (target === undefined) {
        target = task.next();
        return { calls: [{ name: 'search', args: { text: `import of ${target}` } }], report: reportOf(task) };
      }
      const path = target;
      target = undefined;
      return looks([path], reportOf(task));
    },
    tool: (name, args: Args): Answer =>
      name === 'search'
        ? { content: `1 match: ${String(args['text'])}`, source: `search:${String(args['text'])}` }
        : task.look(String(args['path'])),
  };
});

const comparer = family('looks twice at other ranges', 'solvable', [], (task) => {
  const looked = new Map<string, number>();
  return {
    turn: () => {
      if (task.isSufficient()) return saysDone(task);
      const path = task.next();
      const from = (looked.get(path) ?? 0) * 100 + 1;
      return { calls: [{ name: 'look', args: { path, from, to: from + 99 } }], report: reportOf(task) };
    },
    tool: (_name, args: Args): Answer => {
      const path = String(args['path']);
      looked.set(path, (looked.get(path) ?? 0) + 1);
      if ((looked.get(path) ?? 0) >= 2) task.look(path);
      return {
        content: `lines from ${String(args['from'])}: ${textOf(`${path}:${String(args['from'])}`)}`,
        source: path,
      };
    },
  };
});

const sprinter = family('works, then muses for a turn', 'solvable', [], (task) => ({
  turn: ({ turn }) => {
    if (task.isSufficient()) return saysDone(task);
    if (turn % 2 === 1) return { calls: [], text: `So far ${task.seen.size} places; the next may be ${task.next()}.` };
    return looks(task.missing.slice(0, 2), reportOf(task));
  },
}));

const summariser = family('reports without a call every third turn', 'solvable', [], (task) => ({
  turn: ({ turn }) => {
    if (task.isSufficient()) return saysDone(task);
    if (turn % 3 === 2)
      return { calls: [], report: reportOf(task, { findings: `summary of ${task.seen.size} places` }) };
    return looks([task.next()], reportOf(task));
  },
}));

const humble = family('the more it sees the less it is sure', 'solvable', [], (task) => ({
  turn: () =>
    task.isSufficient()
      ? saysDone(task, { confidence: 'low' })
      : looks([task.next()], reportOf(task, { confidence: task.share < 0.5 ? 'high' : 'exploring' })),
}));

const halfDone = family('honest half-way claim', 'solvable', [], (task, rng) => {
  const claimsAt = rng.int(2, 4);
  let told = false;
  return {
    turn: (view: View) => {
      told ||= view.told.length > 0;
      if (task.isSufficient()) return saysDone(task);
      if (view.turn >= claimsAt && !told) return saysDone(task, { confidence: 'medium' });
      return looks([task.next()], reportOf(task));
    },
  };
});

const mirrors = family('places with the same text', 'solvable', [], (task) => ({
  turn: () => (task.isSufficient() ? saysDone(task) : looks([task.next()], reportOf(task))),
  tool: (_name, args: Args): Answer => ({ ...task.look(String(args['path'])), content: 'export default {};' }),
}));

const redGreen = family('the same failure twice before each fix', 'solvable', ['test'], (task) => {
  let runs = 0;
  return {
    turn: ({ turn }) => {
      if (task.isSufficient()) return saysDone(task);
      if (turn % 3 !== 2) return { calls: [{ name: 'test', args: { suite: 'all' } }], report: reportOf(task) };
      return looks([task.next()], reportOf(task));
    },
    tool: (name, args: Args): Answer => {
      if (name === 'look') return task.look(String(args['path']));
      runs += 1;
      return { content: `${task.missing.length} failing (${runs})`, source: 'suite:all', isError: true };
    },
  };
});

/** A loop that begins after some work and that nothing ends. */
function rut(
  name: string,
  tools: readonly string[],
  move: (since: number, task: Task, rng: Rng) => Move,
  tool?: (args: Args, task: Task, rng: Rng) => Answer,
  firstIdle = 0,
  more: Partial<Family> = {},
): Family {
  return family(
    name,
    'loop',
    tools,
    (task, rng) => {
      const begins = rng.int(1, 3);
      let began: number | undefined;
      let onset: number | undefined;
      return {
        turn: ({ turn }) => {
          if (turn < begins) return looks([task.next()], reportOf(task));
          began ??= turn;
          if (turn - began >= firstIdle) onset ??= turn;
          return move(turn - began, task, rng);
        },
        tool: (called, args) =>
          called !== 'look' && tool !== undefined ? tool(args, task, rng) : task.look(String(args['path'])),
        onset: () => onset,
      };
    },
    more,
  );
}

const claimAndLook = rut(
  'bare claim, then the same look',
  [],
  (since, task) => {
    const seen = [...task.seen][0] ?? 'src/other0.ts';
    return since % 2 === 0
      ? saysDone(task, { confidence: 'almost_certain', findings: 'I am sure now', cites: [] })
      : looks([seen], reportOf(task));
  },
  undefined,
  0,
  { uncited: true },
);

const pastTheEnd = rut(
  'pages past the end',
  ['page'],
  (since, task) => ({ calls: [{ name: 'page', args: { path: 'doc.md', page: since + 4 } }], report: reportOf(task) }),
  () => ({ content: 'there is no such page', source: 'doc.md' }),
);

const emptyFolders = rut(
  'ever deeper into empty folders',
  ['list'],
  (since, task) => ({
    calls: [{ name: 'list', args: { folder: `a/${'b/'.repeat(since + 1)}` } }],
    report: reportOf(task),
  }),
  () => ({ content: '(empty)', source: 'listing' }),
);

const asksAgain = rut('the same question in the air', [], () => ({
  calls: [],
  text: 'Could you tell me which file you mean?',
}));

const circleOfSeven = rut(
  'circle of seven',
  [],
  (since, task) => looks([`src/round${since % 7}.ts`], reportOf(task, { findings: `stop ${since % 7}` })),
  undefined,
  7,
);

const families: Family[] = [
  searcher,
  comparer,
  sprinter,
  summariser,
  humble,
  halfDone,
  mirrors,
  redGreen,
  claimAndLook,
  pastTheEnd,
  emptyFolders,
  asksAgain,
  circleOfSeven,
];
export default families;
