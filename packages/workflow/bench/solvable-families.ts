import type { Family, Move, Scenario, View } from './family.ts';
import { looks, reportOf, saysDone, Task, textOf } from './task.ts';

const LOOK = [{ name: 'look' }];

/** A scenario around a task with the default tool. */
function around(task: Task, turn: (view: View) => Move, change: Partial<Scenario> = {}): Scenario {
  return {
    turn,
    tool: (_name, args) => task.look(String(args['path'])),
    requirements: task.requirements,
    isSufficient: task.isSufficient,
    reachable: true,
    ...change,
  };
}

/** The sixteen families of agents that get there if they are let. */
export const SOLVABLE: readonly Family[] = [
  {
    name: 'calibrated',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 12));
      return around(task, () => {
        if (task.isSufficient()) return saysDone(task);
        return looks([rng.chance(0.2) ? task.other() : task.next()], reportOf(task));
      });
    },
  },
  {
    name: 'optimistic',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(5, 14));
      return around(task, () => {
        if (task.isSufficient()) return saysDone(task, { confidence: 'certain' });
        return looks([task.next()], reportOf(task, { confidence: task.share > 0.33 ? 'very_high' : 'high' }));
      });
    },
  },
  {
    name: 'slow',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 8));
      return around(task, ({ turn }) => {
        if (task.isSufficient()) return saysDone(task, { confidence: 'high' });
        return looks([turn % 3 === 2 ? task.next() : task.other()], reportOf(task));
      });
    },
  },
  {
    name: 'long-productive',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(28, 42));
      return around(task, () => (task.isSufficient() ? saysDone(task) : looks([task.next()], reportOf(task))));
    },
  },
  {
    name: 'batch-identical',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(20, 40));
      return around(
        task,
        () => {
          if (task.isSufficient()) return saysDone(task);
          return looks(task.missing.slice(0, rng.int(2, 5)), reportOf(task));
        },
        {
          tool: (_name, args) => ({ ...task.look(String(args['path'])), content: 'reviewed, nothing suspicious' }),
        },
      );
    },
  },
  {
    name: 'fix-and-verify',
    kind: 'solvable',
    tools: [{ name: 'edit' }, { name: 'test' }],
    make: (rng) => {
      let failing = rng.int(4, 9);
      let green = false;
      const isSufficient = (): boolean => green;
      return {
        turn: ({ turn }) => {
          if (green)
            return {
              calls: [],
              report: {
                confidence: 'certain',
                done: true,
                findings: 'all green',
                cites: [{ requirement: 'green', source: 'suite' }],
              },
            };
          const report = { confidence: 'medium' as const, done: false, findings: `${failing} failing`, cites: [] };
          if (turn % 2 === 0) return { calls: [{ name: 'edit', args: { path: 'src/fix.ts', patch: turn } }], report };
          return { calls: [{ name: 'test', args: {} }], report };
        },
        tool: (name) => {
          if (name === 'edit') return { content: 'applied', source: 'src/fix.ts' };
          failing -= rng.chance(0.8) ? 1 : 0;
          green = failing <= 0;
          return { content: `${Math.max(0, failing)} failing in 12.${rng.int(0, 9)}s`, source: 'suite' };
        },
        requirements: [{ id: 'green', sources: ['suite'] }],
        isSufficient,
        reachable: true,
      };
    },
  },
  {
    name: 'oscillating',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 12));
      return around(task, () => {
        if (task.isSufficient()) return saysDone(task, { confidence: rng.chance(0.5) ? 'certain' : 'medium' });
        return looks([task.next()], reportOf(task, { confidence: rng.chance(0.4) ? 'certain' : 'low' }));
      });
    },
  },
  {
    name: 'overthinker',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 10));
      const obeys = rng.chance(0.5);
      const confidence = rng.chance(0.5) ? 'very_high' : 'high';
      return around(task, ({ told }) => {
        if (!task.isSufficient()) return looks([task.next()], reportOf(task));
        if (obeys && told.length > 0) return saysDone(task);
        const again = task.needed[rng.int(0, task.needed.length - 1)] ?? '';
        return looks([again], reportOf(task, { confidence, findings: `once more over ${again}` }));
      });
    },
  },
  {
    name: 'paraphraser',
    kind: 'solvable',
    tools: [...LOOK, { name: 'summarise' }],
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 10));
      const obeys = rng.chance(0.5);
      return around(
        task,
        ({ told }) => {
          if (!task.isSufficient()) return looks([task.next()], reportOf(task));
          if (obeys && told.length > 0) return saysDone(task);
          return {
            calls: [{ name: 'summarise', args: {} }],
            report: reportOf(task, { confidence: 'very_high', findings: `in other words ${rng.next()}` }),
          };
        },
        {
          tool: (name, args) => {
            if (name === 'look') return task.look(String(args['path']));
            const words = task.needed.map(textOf).join(' ').split(' ');
            const shuffled = words.map((word) => ({ word, at: rng.next() })).sort((a, b) => a.at - b.at);
            return { content: shuffled.map(({ word }) => word).join(' '), source: 'summary' };
          },
        },
      );
    },
  },
  {
    name: 'underconfident',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 12));
      return around(task, () => {
        if (task.isSufficient()) return saysDone(task, { confidence: 'low' });
        return looks([task.next()], reportOf(task, { confidence: 'exploring' }));
      });
    },
  },
  {
    name: 'overconfident-corrigible',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(6, 12));
      let corrected = false;
      return around(task, ({ told }) => {
        corrected ||= told.length > 0;
        if (task.isSufficient() || (!corrected && task.share >= 0.5)) return saysDone(task, { confidence: 'certain' });
        return looks([task.next()], reportOf(task, { confidence: 'certain' }));
      });
    },
  },
  {
    name: 'overconfident-irrelevant',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(6, 12));
      const needs = rng.int(1, 2);
      let corrections = 0;
      // Cites the first thing it saw for everything it has not looked for.
      const stretched = (): Move => {
        const some = [...task.seen][0] ?? '';
        const cites = task.requirements.map(({ id, sources }) => ({
          requirement: id,
          source: task.seen.has(sources[0] ?? '') ? (sources[0] ?? '') : some,
        }));
        return saysDone(task, { confidence: 'certain', cites });
      };
      return around(task, ({ told }) => {
        corrections += told.length > 0 ? 1 : 0;
        if (task.isSufficient()) return saysDone(task, { confidence: 'certain' });
        return corrections < needs && task.share >= 0.5
          ? stretched()
          : looks([task.next()], reportOf(task, { confidence: 'high' }));
      });
    },
  },
  {
    name: 'fabricator',
    kind: 'solvable',
    uncited: true,
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 10));
      const insists = rng.chance(0.4);
      const cites = rng.chance(0.5)
        ? task.requirements.map(({ id }) => ({ requirement: id, source: `src/imagined-${id}.ts` }))
        : [];
      let corrected = false;
      return around(
        task,
        ({ told }) => {
          corrected ||= told.length > 0;
          if (insists || !corrected) return saysDone(task, { confidence: 'certain', cites });
          return task.isSufficient() ? saysDone(task) : looks([task.next()], reportOf(task));
        },
        { reachable: !insists },
      );
    },
  },
  {
    name: 'early-quit',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(5, 12));
      let patience = rng.int(2, 4);
      return around(task, ({ told }) => {
        if (told.length > 0) patience = rng.int(2, 4);
        if (task.isSufficient()) return saysDone(task, { confidence: 'high' });
        patience -= 1;
        return patience < 0 ? saysDone(task, { confidence: 'medium' }) : looks([task.next()], reportOf(task));
      });
    },
  },
  {
    name: 'transient-errors',
    kind: 'solvable',
    tools: LOOK,
    make: (rng) => {
      const task = new Task(rng, rng.int(4, 10));
      let broken = 0;
      return around(task, () => (task.isSufficient() ? saysDone(task) : looks([task.next()], reportOf(task))), {
        tool: (_name, args) => {
          if (broken === 0 && rng.chance(0.2)) broken = rng.int(1, 3) + 1;
          broken = Math.max(0, broken - 1);
          const path = String(args['path']);
          return broken > 0
            ? { content: `connection reset while reading ${path}`, source: path, isError: true }
            : task.look(path);
        },
      });
    },
  },
  {
    name: 'polling',
    kind: 'solvable',
    tools: [...LOOK, { name: 'status', poll: 600_000 }],
    make: (rng) => {
      const task = new Task(rng, rng.int(3, 6));
      let wait = rng.int(5, 12);
      const isReady = (): boolean => wait <= 0;
      return around(
        task,
        () => {
          if (task.missing.length > 1) return looks([task.next()], reportOf(task));
          if (!isReady())
            return {
              calls: [{ name: 'status', args: { job: 'build' } }],
              report: reportOf(task, { findings: 'waiting' }),
            };
          return task.isSufficient() ? saysDone(task) : looks([task.next()], reportOf(task));
        },
        {
          tool: (name, args) => {
            if (name === 'look') return task.look(String(args['path']));
            wait -= 1;
            return { content: wait <= 0 ? 'ready' : 'pending', source: 'job build' };
          },
        },
      );
    },
  },
];
