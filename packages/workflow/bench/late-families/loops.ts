import type { Answer, Family, Move, Rng, Scenario, View } from '../family.ts';
import { looks, reportOf, saysDone, Task } from '../task.ts';

interface Rut {
  /** The turn since the rut began, from 0. */
  readonly move: (since: number, task: Task) => Move;
  readonly tool?: (args: Readonly<Record<string, unknown>>, task: Task) => Answer;
}

/** A few turns of work, then a rut. A third of the agents get out of it when they are told something. */
function ruts(name: string, rut: (rng: Rng) => Rut, more: Partial<Family> = {}): Family {
  return {
    name,
    kind: 'loop',
    tools: [{ name: 'look' }, { name: 'do' }],
    ...more,
    make: (rng): Scenario => {
      const task = new Task(rng, rng.int(5, 10));
      const begins = rng.int(1, 4);
      const listens = rng.chance(1 / 3);
      const { move, tool } = rut(rng);
      let onset: number | undefined;
      let escaped = false;
      const turn = (view: View): Move => {
        escaped ||= listens && onset !== undefined && view.told.length > 0;
        if (task.isSufficient()) return saysDone(task);
        if (escaped || view.turn < begins) return looks([task.next()], reportOf(task));
        onset ??= view.turn;
        return move(view.turn - onset, task);
      };
      return {
        turn,
        tool: (called, args) =>
          called === 'do' && tool !== undefined ? tool(args, task) : task.look(String(args['path'])),
        requirements: task.requirements,
        isSufficient: task.isSufficient,
        reachable: listens,
        onset: () => onset,
      };
    },
  };
}

const act = (args: Record<string, unknown>, task: Task, findings: string): Move => ({
  calls: [{ name: 'do', args }],
  report: reportOf(task, { findings }),
});

/** Four calls in a circle, their arguments in another order and with other white space each round. */
const shuffledCircle = ruts('circle of four, shuffled', () => ({
  move: (since, task) => {
    const path = `src/circle${since % 4}.ts`;
    const args = since % 8 < 4 ? { path, from: 1, to: 40 } : { to: 40, from: 1, path };
    return act(args, task, `round ${Math.floor(since / 4)}`);
  },
  tool: (args) => ({ content: `text of ${String(args['path'])}`, source: String(args['path']) }),
}));

/** Searches for ever new words and finds nothing. */
const emptySearches = ruts('searches that find nothing', (rng) => ({
  move: (since, task) => act({ query: `word${rng.int(100, 999)} term${since}` }, task, 'perhaps under another name'),
  tool: () => ({ content: 'no matches', source: 'search' }),
}));

/** Puts a line in, takes it out, puts it in. */
const undoRedo = ruts('undo and redo', () => ({
  move: (since, task) => act({ file: 'src/a.ts', apply: since % 2 === 0 }, task, `version ${since % 2}`),
  tool: (args) => ({ content: args['apply'] === true ? 'line added' : 'line removed', source: 'src/a.ts' }),
}));

/** Reads a log whose only news is the clock. */
const clockWatcher = ruts('log with a clock', (rng) => ({
  move: (_since, task) => act({ path: 'var/app.log' }, task, 'still looking at the log'),
  tool: () => {
    const clock = `2026-03-0${rng.int(1, 9)}T${rng.int(10, 23)}:${rng.int(10, 59)}:${rng.int(10, 59)}Z`;
    return { content: `${clock} server started, pid ${rng.int(1000, 9999)}`, source: 'var/app.log' };
  },
}));

/** Talks, in new words each time, and does nothing. */
const chatter = ruts('chatter', (rng) => ({
  move: (since) => ({
    calls: [],
    text: `Thinking about part ${since}: it may be ${['slow', 'wrong', 'late', 'odd'][rng.int(0, 3)]}, so I ponder ${rng.int(1, 9999)}.`,
  }),
}));

/** Says that it is done, certain, with nothing to show, whatever it is told. */
const stubborn: Family = {
  name: 'stubborn claimant',
  kind: 'loop',
  uncited: true,
  tools: [{ name: 'look' }],
  make: (rng): Scenario => {
    const task = new Task(rng, rng.int(4, 8));
    const begins = rng.int(1, 3);
    let onset: number | undefined;
    return {
      turn: ({ turn }) => {
        if (turn < begins) return looks([task.next()], reportOf(task));
        onset ??= turn;
        return saysDone(task, { confidence: 'certain', findings: 'it is all clear now', cites: [] });
      },
      tool: (_name, args) => task.look(String(args['path'])),
      requirements: task.requirements,
      isSufficient: task.isSufficient,
      reachable: false,
      onset: () => onset,
    };
  },
};

/** One mistake, reported with another line and column each time. */
const wanderingError = ruts('wandering error', (rng) => ({
  move: (since, task) => act({ patch: `try ${since}` }, task, `attempt ${since}`),
  tool: () => ({
    content: `syntax error near line ${rng.int(1, 400)}, column ${rng.int(1, 80)}: unexpected token`,
    source: 'build',
    isError: true,
  }),
}));

/** Empty turns, now and then a look at a place that it has seen. */
const sleepy = ruts('half asleep', () => ({
  move: (since, task) => (since % 3 === 2 ? looks([[...task.seen][0] ?? 'src/other0.ts']) : { calls: [] }),
}));

const families: Family[] = [
  shuffledCircle,
  emptySearches,
  undoRedo,
  clockWatcher,
  chatter,
  stubborn,
  wanderingError,
  sleepy,
];
export default families;
