import type { Answer, Family, Move, Rng, Scenario, View } from '../family.ts';
import { looks, reportOf, saysDone, Task, textOf } from '../task.ts';

type Play = (task: Task, rng: Rng) => Pick<Scenario, 'turn'> & Partial<Scenario>;

/** An agent that gets everything it needs if it is let. */
function solvable(name: string, play: Play, more: Partial<Family> = {}, size: [number, number] = [4, 9]): Family {
  return {
    name,
    kind: 'solvable',
    tools: [{ name: 'look' }],
    ...more,
    make: (rng): Scenario => {
      const task = new Task(rng, rng.int(...size));
      return {
        tool: (_name, args) => task.look(String(args['path'])),
        requirements: task.requirements,
        isSufficient: task.isSufficient,
        reachable: true,
        ...play(task, rng),
      };
    },
  };
}

const sayDoneOr = (task: Task, otherwise: () => Move): Move => (task.isSufficient() ? saysDone(task) : otherwise());

/** Reads each place page by page: the same source again and again, another text each time. */
const pageReader = solvable(
  'page reader',
  (task) => {
    const pages = new Map<string, number>();
    return {
      turn: () =>
        sayDoneOr(task, () => {
          const path = task.next();
          return {
            calls: [{ name: 'page', args: { path, page: (pages.get(path) ?? 0) + 1 } }],
            report: reportOf(task),
          };
        }),
      tool: (_name, args): Answer => {
        const path = String(args['path']);
        const page = Number(args['page']);
        pages.set(path, page);
        if (page >= 3) task.look(path);
        return { content: `page ${page} of 3: ${textOf(`${path}#${page}`)}`, source: path };
      },
    };
  },
  { tools: [{ name: 'page' }] },
  [3, 6],
);

/** Each place answers with one or two passing errors, each worded anew, before it opens. */
const flakyPlaces = solvable('flaky places', (task, rng) => {
  const failures = new Map<string, number>();
  return {
    turn: () => sayDoneOr(task, () => looks([task.next()], reportOf(task))),
    tool: (_name, args): Answer => {
      const path = String(args['path']);
      const left = failures.get(path) ?? rng.int(0, 2);
      failures.set(path, left - 1);
      if (left <= 0) return task.look(path);
      const reason = left === 1 ? 'connection reset by peer' : 'the host is busy';
      return { content: `${reason}, try again (${rng.int(100, 999)})`, source: path, isError: true };
    },
  };
});

/** Starts with a tour of folders that shows nothing of what is asked. */
const tourist = solvable(
  'tourist',
  (task, rng) => {
    const tour = rng.int(4, 8);
    return {
      turn: ({ turn }) =>
        sayDoneOr(task, () =>
          turn < tour
            ? { calls: [{ name: 'list', args: { folder: `src/part${turn}` } }] }
            : looks([task.next()], reportOf(task)),
        ),
      tool: (name, args): Answer => {
        if (name === 'look') return task.look(String(args['path']));
        const folder = String(args['folder']);
        return { content: `${folder}: ${textOf(folder)}`, source: folder };
      },
    };
  },
  { tools: [{ name: 'look' }, { name: 'list' }] },
);

/** Works without a word until the end. */
const silentWorker = solvable('silent worker', (task) => ({
  turn: () => sayDoneOr(task, () => looks([task.next()])),
}));

/** Rewrites its theory every turn, in both directions, while each turn brings something new. */
const flipFlopper = solvable('theory flipper', (task, rng) => ({
  turn: ({ turn }) =>
    sayDoneOr(task, () =>
      looks(
        [turn % 3 === 2 ? task.other() : task.next()],
        reportOf(task, {
          confidence: turn % 2 === 0 ? 'low' : 'high',
          findings: turn % 2 === 0 ? `not the cache after all (${rng.int(1, 99)})` : `it must be the cache (${turn})`,
        }),
      ),
    ),
}));

/** Has everything and says so without citing; names its sources when it is asked. */
const lateCiter = solvable('late citer', (task) => {
  let asked = false;
  return {
    turn: ({ told }) => {
      asked ||= told.length > 0;
      if (!task.isSufficient()) return looks([task.next()], reportOf(task, { cites: [] }));
      return saysDone(task, asked ? {} : { cites: [] });
    },
  };
});

/** Never says that it is done: once it has everything it admires places it has seen. */
const polisher = solvable('polisher', (task, rng) => ({
  turn: () =>
    task.isSufficient()
      ? looks(
          [task.needed[rng.int(0, task.needed.length - 1)] ?? 'src/needed0.ts'],
          reportOf(task, { confidence: 'high' }),
        )
      : looks([task.next()], reportOf(task)),
}));

/** Sends bundles with the same place twice in one turn, and places seen before. */
const bundler = solvable(
  'sloppy bundler',
  (task) => ({
    turn: () =>
      sayDoneOr(task, () => {
        const [first = task.next(), second = task.other()] = task.missing;
        const seen = [...task.seen].at(-1) ?? first;
        return looks([first, first, seen, second], reportOf(task));
      }),
  }),
  {},
  [6, 12],
);

/** Claims too early, citing places it saw that do not show the point; goes on when told. */
const wrongCiter = solvable('wrong citer', (task, rng) => {
  const claimsAt = rng.int(2, 3);
  let corrected = false;
  return {
    turn: ({ turn, told }: View) => {
      corrected ||= told.length > 0;
      if (task.isSufficient()) return saysDone(task);
      if (turn !== claimsAt || corrected) return looks([task.next()], reportOf(task));
      const source = [...task.seen][0] ?? 'src/other1.ts';
      const cites = task.requirements.map(({ id }) => ({ requirement: id, source }));
      return saysDone(task, { confidence: 'certain', cites });
    },
  };
});

/** Fixes and runs one test suite after each fix: the same call, fewer failures each time. */
const fixAndTest = solvable(
  'fix and test',
  (task) => {
    let edits = 0;
    return {
      turn: ({ turn }) =>
        sayDoneOr(task, () =>
          turn % 2 === 0
            ? looks([task.next()], reportOf(task))
            : { calls: [{ name: 'test', args: { suite: 'unit' } }], report: reportOf(task) },
        ),
      tool: (name, args): Answer => {
        if (name === 'look') {
          edits += 1;
          return task.look(String(args['path']));
        }
        return { content: `${task.missing.length} of ${task.needed.length} fail, run ${edits}`, source: 'suite:unit' };
      },
    };
  },
  { tools: [{ name: 'look' }, { name: 'test' }] },
);

/** Waits for a build with a tool that may be polled, then reads. */
const buildWaiter = solvable(
  'build waiter',
  (task, rng) => {
    const ready = rng.int(5, 12);
    return {
      turn: ({ turn }) =>
        sayDoneOr(task, () =>
          turn < ready ? { calls: [{ name: 'build_status', args: { id: 7 } }] } : looks([task.next()], reportOf(task)),
        ),
      tool: (name, args): Answer =>
        name === 'look' ? task.look(String(args['path'])) : { content: 'building', source: 'build:7' },
    };
  },
  { tools: [{ name: 'look' }, { name: 'build_status', poll: 600_000 }] },
);

const families: Family[] = [
  pageReader,
  flakyPlaces,
  tourist,
  silentWorker,
  flipFlopper,
  lateCiter,
  polisher,
  bundler,
  wrongCiter,
  fixAndTest,
  buildWaiter,
];
export default families;
