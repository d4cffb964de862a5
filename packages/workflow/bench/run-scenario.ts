import { z } from 'zod';

import {
  createEngine,
  defineWorkflow,
  evidenceTool,
  type RunResult,
  type StopReason,
  type TerminationPolicy,
  type Workflow,
} from '../src/index.ts';
import { scriptedModel, type Reply } from '../src/testing/index.ts';
import { seeded, type Family, type Move, type Scenario } from './family.ts';

/** What the sufficiency source knows: the truth, the truth with every tenth verdict flipped, or nothing. */
export type Checklist = 'clean' | 'noisy' | 'none';

/** How one scripted run went. */
export interface Outcome {
  readonly family: Family;
  readonly seed: number;
  readonly stop: StopReason['kind'] | 'cap' | 'answered';
  /** Ended as complete with no gap named. */
  readonly claimsDone: boolean;
  readonly verified: boolean;
  readonly solved: boolean;
  readonly reachable: boolean;
  readonly steps: number;
  /** Steps after everything was there, the report of it not counted. */
  readonly wasted: number;
  /** Steps from the beginning of the loop to the first intervention. */
  readonly latency?: number;
  readonly replayed?: boolean;
}

const FLIP = 0.1;

/** Follows a scenario from turn to turn, for whoever drives it. */
export class Playback {
  readonly scenario: Scenario;
  moves = 0;
  sufficientAt: number | undefined;
  #told: string[] = [];

  constructor(family: Family, seed: number) {
    this.scenario = family.make(seeded(seed * 7_919 + 17));
  }

  tell(message: string): void {
    this.#told.push(message);
  }

  move(): Move {
    const move = this.scenario.turn({ turn: this.moves, told: this.#told });
    this.moves += 1;
    this.#told = [];
    return move;
  }

  answer(name: string, args: Readonly<Record<string, unknown>>): ReturnType<Scenario['tool']> {
    const answer = this.scenario.tool(name, args);
    if (this.sufficientAt === undefined && this.scenario.isSufficient()) this.sufficientAt = this.moves;
    return answer;
  }

  wasted(steps: number): number {
    return this.sufficientAt === undefined ? 0 : Math.max(0, steps - this.sufficientAt - 1);
  }
}

/** Runs one scenario on a real engine with a model that plays the agent. */
export async function runOnEngine(
  family: Family,
  seed: number,
  checklist: Checklist,
  termination: Partial<TerminationPolicy> = {},
): Promise<Outcome> {
  const play = new Playback(family, seed);
  let seenMessages = 0;
  const model = scriptedModel(({ request }) => {
    for (const message of request.messages.slice(seenMessages)) {
      if (message.role === 'user' && seenMessages > 0) play.tell(JSON.stringify(message.content));
    }
    seenMessages = request.messages.length;
    return request.tools === undefined ? { text: 'final' } : toReply(play.move());
  });
  const workflow = toWorkflow(family, play, checklist, seed);
  const engine = createEngine({ model, workflows: [workflow], maxPromptTokens: 10_000_000 });
  const interventions: number[] = [];
  engine.on('decision', ({ action, step }) => {
    if (action !== 'continue') interventions.push(step);
  });
  const result = await engine.start(workflow, { prompt: 'task' }, { runId: 'run', termination }).result;
  const { identical } = await engine.replay('run');
  return { ...toOutcome(family, seed, play, result, interventions), replayed: identical };
}

function toOutcome(
  family: Family,
  seed: number,
  play: Playback,
  result: RunResult,
  interventions: readonly number[],
): Outcome {
  const { stop, steps } = result;
  const { scenario } = play;
  const onset = scenario.onset?.();
  const first = onset === undefined ? undefined : interventions.find((step) => step > onset);
  return {
    family,
    seed,
    stop: stop.kind,
    claimsDone: stop.kind === 'complete' && stop.gaps.length === 0,
    verified: stop.kind === 'complete' && stop.verified,
    solved: scenario.isSufficient(),
    reachable: scenario.reachable,
    steps,
    wasted: play.wasted(steps),
    ...(onset === undefined ? {} : { latency: (first ?? steps) - onset }),
  };
}

function toReply({ calls, report, text }: Move): Reply {
  const reports =
    report === undefined
      ? []
      : [{ name: 'report_step', arguments: { ...report, next_step_required: !report.done, citations: report.cites } }];
  return { text: text ?? '', toolCalls: [...calls.map(({ name, args }) => ({ name, arguments: args })), ...reports] };
}

function toWorkflow(family: Family, play: Playback, checklist: Checklist, seed: number): Workflow {
  const { requirements } = play.scenario;
  const flipped = (id: string, source: string): boolean =>
    checklist === 'noisy' && seeded(hashOf(`${seed} ${id} ${source}`)).next() < FLIP;
  return defineWorkflow({
    name: 'bench',
    version: 1,
    description: 'A scripted agent',
    kind: 'workflow',
    input: z.object({ prompt: z.string() }),
    systemPrompt: () => 'bench',
    prompt: ({ prompt }) => prompt,
    ...(checklist === 'none'
      ? {}
      : {
          requirements: () =>
            requirements.map(({ id, sources }) => ({
              id,
              description: id,
              accepts: ({ source }: { source: string }) => sources.includes(source) !== flipped(id, source),
            })),
        }),
    tools: family.tools.map(({ name, poll }) =>
      evidenceTool({
        name,
        description: name,
        parameters: z.looseObject({}),
        ...(poll === undefined ? {} : { poll: { maxMs: poll } }),
        execute: (args) => play.answer(name, args),
      }),
    ),
  });
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

/** Runs one scenario with nothing but a cap: it ends when the agent says so, or at the cap. */
export function runWithCap(family: Family, seed: number, cap: number): Outcome {
  const play = new Playback(family, seed);
  let done = false;
  while (!done && play.moves < cap) {
    const move = play.move();
    for (const { name, args } of move.calls) play.answer(name, args);
    done = move.report?.done === true && move.calls.length === 0;
  }
  return ofPlay(family, seed, play, done);
}

/** The outcome of a run that an outside rule ended. */
export function ofPlay(family: Family, seed: number, play: Playback, done: boolean): Outcome {
  const onset = play.scenario.onset?.();
  return {
    family,
    seed,
    stop: done ? 'answered' : 'cap',
    claimsDone: done,
    verified: false,
    solved: play.scenario.isSufficient(),
    reachable: play.scenario.reachable,
    steps: play.moves,
    wasted: play.wasted(play.moves),
    ...(onset === undefined ? {} : { latency: play.moves - onset }),
  };
}
