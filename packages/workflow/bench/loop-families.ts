import type { Answer, Family, Move, Rng, Scenario, View } from './family.ts';
import { looks, reportOf, saysDone, Task } from './task.ts';

interface Loop {
  /** The turn after the loop began, counted from 0. */
  readonly move: (since: number, task: Task) => Move;
  readonly tool?: (name: string, args: Readonly<Record<string, unknown>>, task: Task) => Answer | undefined;
}

/** Some productive turns, then a loop. In half of the runs a word from outside gets the agent out of it for good. */
function loopFamily(name: string, tools: readonly string[], loop: (rng: Rng) => Loop): Family {
  return {
    name,
    kind: 'loop',
    tools: [{ name: 'look' }, ...tools.map((tool) => ({ name: tool }))],
    make: (rng): Scenario => {
      const task = new Task(rng, rng.int(6, 12));
      const begins = rng.int(2, 5);
      const recovers = name !== 'unsolvable' && rng.chance(0.5);
      const { move, tool } = loop(rng);
      let out = false;
      let onset: number | undefined;
      const turn = ({ turn: at, told }: View): Move => {
        out ||= recovers && onset !== undefined && told.length > 0;
        if (task.isSufficient()) return saysDone(task);
        if (at < begins || out) return looks([task.next()], reportOf(task));
        onset ??= at;
        return move(at - onset, task);
      };
      return {
        turn,
        tool: (called, args) => tool?.(called, args, task) ?? task.look(String(args['path'])),
        requirements: task.requirements,
        isSufficient: task.isSufficient,
        reachable: recovers,
        onset: () => onset,
      };
    },
  };
}

function cycleOf(period: number): () => Loop {
  return () => ({
    move: (since, task) =>
      looks([`src/loop${since % period}.ts`], reportOf(task, { findings: `looking again, attempt ${since}` })),
    tool: loopTool,
  });
}

/** The nine families of agents that stop making progress. */
export const LOOPS: readonly Family[] = [
  loopFamily('loop-1', [], cycleOf(1)),
  loopFamily('loop-2', [], cycleOf(2)),
  loopFamily('loop-3', [], cycleOf(3)),
  loopFamily('loop-5', [], cycleOf(5)),
  loopFamily('loop-noisy', ['fetch'], (rng) => ({
    move: (since, task) => ({
      calls: [{ name: 'fetch', args: { url: 'https://host/item', request_id: `req-${rng.int(1000, 9999)}x${since}` } }],
      report: reportOf(task, { findings: `try ${since}` }),
    }),
    tool: (name) => {
      if (name !== 'fetch') return undefined;
      const id = Array.from({ length: 32 }, () => '0123456789abcdef'[rng.int(0, 15)]).join('');
      const guid = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      return {
        content: `item unchanged (trace ${guid}, 2026-03-0${rng.int(1, 9)}T10:00:0${rng.int(0, 9)}Z, ${rng.int(10, 900)} ms)`,
        source: 'https://host/item',
      };
    },
  })),
  loopFamily('stagnation', ['search'], (rng) => ({
    move: (since, task) => ({
      calls: [{ name: 'search', args: { query: `word${since}${rng.int(0, 99)}` } }],
      report: reportOf(task),
    }),
    tool: (name) => (name === 'search' ? { content: 'no matches', source: 'src' } : undefined),
  })),
  loopFamily('error-loop', ['run'], (rng) => ({
    move: (since, task) => ({
      calls: [{ name: 'run', args: { command: `node build.js --try ${since}` } }],
      report: reportOf(task, { findings: `fixed it, try ${since}` }),
    }),
    tool: (name) =>
      name === 'run'
        ? {
            content: `SyntaxError: Unexpected token at line ${rng.int(1, 400)} in "chunk-${rng.int(1, 99)}.js"`,
            source: 'build',
            isError: true,
          }
        : undefined,
  })),
  loopFamily('monologue', [], () => ({
    move: (since) => ({
      calls: [],
      text: `Let me think about this carefully once more (${since}). I should look at the parser next.`,
    }),
  })),
  loopFamily('unsolvable', [], (rng) => ({
    move: (since, task) => {
      const known = [...task.seen];
      const path = known[(since * 3 + rng.int(0, 1)) % known.length] ?? 'src/needed0.ts';
      return looks([path], reportOf(task, { confidence: 'low', findings: `not here either, ${since}` }));
    },
  })),
];

function loopTool(_name: string, args: Readonly<Record<string, unknown>>): Answer | undefined {
  const path = String(args['path']);
  return path.startsWith('src/loop') ? { content: `the same thing in ${path}`, source: path } : undefined;
}
