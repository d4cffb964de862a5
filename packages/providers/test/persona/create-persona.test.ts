import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createPersona } from '../../src/simulator/persona/create-persona.ts';
import type { Mood } from '../../src/simulator/persona/mood.ts';
import { ALL_TOOLS, ask, playRun } from './play-run.ts';
import type { Folder } from './play-run.ts';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/planted-bug', import.meta.url));

function load(folder: string): Folder {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  const files = paths.filter((path) => statSync(path).isFile() && !path.endsWith('.test.ts'));
  return Object.fromEntries(files.map((path) => [relative(folder, path), readFileSync(path, 'utf8').trimEnd()]));
}

const DEBUG =
  'You find the root cause of a failure.\nShow these:\n- symptom: the code that shows it\n- root_cause: the line\n- fix: the place';
const TASK = 'main.js stops after three prices and exits with code 13';
const LADDER = ['exploring', 'low', 'medium', 'high', 'very_high', 'almost_certain', 'certain'];

const debugRun = (persona = createPersona()) => playRun({ persona, system: DEBUG, task: TASK, folder: load(EXAMPLE) });

describe('createPersona', () => {
  it('finds the planted bug over several turns, citing only places it has seen', () => {
    const { turns, messages } = debugRun();
    expect(turns.length).toBeGreaterThanOrEqual(5);
    const claim = turns.at(-1)?.calls[0]?.arguments;
    expect(claim.next_step_required).toBe(false);
    expect(claim.hypothesis).toContain('src/lookup.js:11');
    const shown = messages.filter((message) => message.role === 'tool').map((message) => message.content);
    for (const { source, quote } of claim.citations) {
      const [path, line] = source.split(':');
      const read = shown.find((text) => text.startsWith(`${path} lines`)) ?? '';
      expect(read).toContain(`\n${line}| `);
      if (quote !== undefined) expect(read).toContain(quote);
    }
    expect(new Set(claim.citations.map((citation: any) => citation.requirement))).toEqual(
      new Set(['symptom', 'root_cause', 'fix']),
    );
  });

  it('looks before it claims and gets surer step by step', () => {
    const { turns } = debugRun();
    expect(turns[0]?.calls.map((call) => call.name)).toEqual(['list_files']);
    expect(turns[1]?.calls.every((call) => call.name === 'read_file')).toBe(true);
    const levels = turns.flatMap((turn) =>
      turn.calls.filter((call) => call.name === 'report_step').map((call) => LADDER.indexOf(call.arguments.confidence)),
    );
    expect(levels.length).toBeGreaterThanOrEqual(2);
    expect([...levels].sort((a, b) => a - b)).toEqual(levels);
    expect(levels.at(-1)).toBeGreaterThan(LADDER.indexOf('high'));
  });

  it('gives equal runs for equal seeds and conversations', () => {
    expect(debugRun(createPersona({ seed: 5 }))).toEqual(debugRun(createPersona({ seed: 5 })));
  });

  it('does not know the example by name: renamed files and names give the same finding', () => {
    const renamed = Object.fromEntries(
      Object.entries(load(EXAMPLE)).map(([path, text]) => [
        path.replace('lookup', 'alpha').replace('pool', 'beta').replace('main', 'start'),
        text
          .replaceAll('lookup', 'alpha')
          .replaceAll('pool', 'beta')
          .replaceAll('Lookup', 'Alpha')
          .replaceAll('Pool', 'Beta'),
      ]),
    );
    const { turns } = playRun({
      persona: createPersona(),
      system: DEBUG,
      task: 'start.js stops after three prices',
      folder: renamed,
    });
    expect(turns.at(-1)?.calls[0]?.arguments.hypothesis).toContain('src/alpha.js:11');
  });

  it('says that nothing was found in sound code instead of inventing a bug', () => {
    const { 'src/lookup.js': _buggy, ...sound } = load(EXAMPLE);
    const { turns } = playRun({ persona: createPersona(), system: DEBUG, task: TASK, folder: sound });
    const claim = turns.at(-1)?.calls[0]?.arguments;
    expect(claim.hypothesis).toBeUndefined();
    expect(claim.findings).toContain('Nothing suspicious was found');
  });

  it('reads more when it is sent back with a gap, and ends again', () => {
    const folder: Record<string, string> = Object.fromEntries(
      Array.from({ length: 12 }, (_, n) => [`src/m${n}.js`, `export const a${n} = ${n};`]),
    );
    const { turns } = playRun({
      persona: createPersona(),
      system: DEBUG,
      task: 'find it',
      folder,
      most: 40,
      onEnd: (_claim, times) => (times < 2 ? 'Not yet shown:\n- fix: the place' : undefined),
    });
    const reads = turns.flatMap((turn) =>
      turn.calls.filter((call) => call.name === 'read_file').map((call) => call.arguments.path),
    );
    expect(new Set(reads).size).toBe(reads.length);
    expect(reads.length).toBeGreaterThan(6);
    expect(turns.at(-1)?.calls[0]?.arguments.next_step_required).toBe(false);
  });

  it('thinks once, then ends, when there is nothing to look things up with', () => {
    const { turns } = playRun({ persona: createPersona(), system: DEBUG, task: TASK, tools: ['report_step'] });
    expect(turns.map((turn) => turn.calls[0]?.arguments.next_step_required)).toEqual([true, false]);
    expect(turns.at(-1)?.calls[0]?.arguments.citations).toEqual([]);
  });

  it('finds a bug in code that came with the task, and cites the task by its words', () => {
    const task =
      'why does it hang?\n```js\nasync function f() {\n  await m.lock();\n  if (hit) return 1;\n  m.unlock();\n}\n```';
    const { turns } = playRun({ persona: createPersona(), system: DEBUG, task, tools: ['report_step'] });
    const claim = turns.at(-1)?.calls[0]?.arguments;
    expect(claim.hypothesis).toContain('pasted:3');
    expect(claim.citations).toContainEqual({
      requirement: 'root_cause',
      source: 'prompt',
      quote: 'if (hit) return 1;',
    });
  });

  it.each(['a', ' ', '/[', '"\\\\', 'if (a', 'a('])('stays quick on files of nothing but %j', (text) => {
    const folder = { 'a.js': `${text.repeat(1_000).slice(0, 1_000)}\n`.repeat(400) };
    const startedAt = performance.now();
    playRun({ persona: createPersona(), system: DEBUG, task: 'a.js', folder, most: 6 });
    // Tens of milliseconds; without the limit on line length some of these took a minute.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('writes a readable report when the tools are taken away', () => {
    const { messages } = debugRun();
    const reply = createPersona()(ask([...messages, { role: 'user', content: 'Write the final answer.' }], []));
    expect(reply?.toolCalls).toBeUndefined();
    expect(reply?.text).toContain('## Root cause');
    expect(reply?.text).toContain('src/lookup.js:11');
  });

  it.each([
    'You review code: correctness',
    'You audit security: all',
    'You trace code.',
    'You assess a code base: structure',
    'You plan work.',
    'You write tests.',
    'You plan refactorings: x',
    'You write documentation comments',
    'You think a hard question through.',
    'You check a change before it is committed.',
  ])('drives the tool of "%s" to an end with citations', (system) => {
    const { turns } = playRun({ persona: createPersona(), system, task: TASK, folder: load(EXAMPLE) });
    const claim = turns.at(-1)?.calls[0]?.arguments;
    expect(claim.next_step_required).toBe(false);
    expect(claim.citations.length).toBeGreaterThan(0);
    expect(turns.length).toBeLessThan(20);
  });

  it('answers chat, opinions and objections directly', () => {
    const say = (system: string, content: string) =>
      createPersona()(
        ask(
          [
            { role: 'system', content: system },
            { role: 'user', content },
          ],
          [],
        ),
      )?.text ?? '';
    expect(say('You are an experienced engineer', 'why is the sky blue')).toContain('why is the sky blue');
    expect(say('You are an experienced engineer', '```js\nif (a = b) go();\n```')).toContain(
      'line 1 of the pasted code looks wrong',
    );
    expect(
      say('You give one of several independent opinions. Make the strongest honest case against it.', 'tabs'),
    ).toContain('The cost comes later');
    expect(say('You examine a statement', 'Redis is faster')).toContain('Weakest point');
  });

  it('reviews by what it is shown: backed places, places never seen, nothing cited', () => {
    const review = (evidence: string) => {
      const system = 'You check the work of another model. Reply with one JSON object.';
      const content = `Task:\nfind it\n\nRequired:\n- fix: the place\n\nFindings (high):\nit is the lock\n\nCited evidence:\n${evidence}`;
      return JSON.parse(
        createPersona()(
          ask(
            [
              { role: 'system', content: system },
              { role: 'user', content },
            ],
            [],
          ),
        )?.text ?? '',
      );
    };
    expect(review('src/a.js:3:\n3| lock()')).toMatchObject({ ok: true, gaps: [] });
    expect(review('src/a.js:3:\n3| lock()\n---\nsrc/b.js:9: never seen')).toMatchObject({
      ok: false,
      gaps: ['src/b.js:9 was cited and never seen'],
    });
    expect(review('none')).toMatchObject({ ok: false, gaps: ['no cited evidence supports the findings', 'fix'] });
  });

  it('ends when it is asked to finish', () => {
    const { messages } = playRun({
      persona: createPersona(),
      system: DEBUG,
      task: TASK,
      folder: load(EXAMPLE),
      most: 2,
    });
    const remark = 'Nothing new has come. If the work is finished, call report_step with next_step_required false';
    const reply = createPersona()(ask([...messages, { role: 'user', content: remark }], ALL_TOOLS));
    expect(reply?.toolCalls?.[0]).toMatchObject({ name: 'report_step', arguments: { next_step_required: false } });
  });

  it('takes the question after earlier exchanges for the task', () => {
    const messages = [
      { role: 'user', content: 'an earlier question' },
      { role: 'assistant', content: 'an earlier answer' },
      { role: 'user', content: 'the question now' },
    ];
    expect(createPersona()(ask(messages, []))?.text).toContain('the question now');
  });

  it('cites every voice of a panel', () => {
    const { turns } = playRun({
      persona: createPersona(),
      system: 'You weigh answers',
      task: 'Q?\npanel:glm-for says yes\npanel:kimi-against says no',
      tools: ['report_step'],
    });
    expect(turns.at(-1)?.calls[0]?.arguments.citations.map((citation: any) => citation.source)).toEqual([
      'panel:glm-for',
      'panel:kimi-against',
    ]);
  });

  it.each([
    ['functions it does not know', ['get_weather'], {}],
    ['a forced choice', ALL_TOOLS, { tool_choice: { type: 'function', function: { name: 'read_file' } } }],
    ['JSON wanted', [], { response_format: { type: 'json_object' } }],
  ])('leaves %s to the simulator', (_kind, tools, extra) => {
    expect(createPersona()(ask([{ role: 'user', content: 'hi' }], tools, extra))).toBeUndefined();
  });
});

describe('for any folder and any conversation', () => {
  const line = fc.constantFrom(
    "import { b } from './b.js';",
    'export function b(x) {',
    '  if (x = 1) return;',
    '  await pool.acquire();',
    '  pool.release();',
    '}',
    'for (let i = 0; i <= xs.length; i++) {',
    'eval(input)',
    '',
    '/*',
    '*/',
    '// note',
    'async function save() {',
    'save();',
    '`${',
    "'",
  );
  const folder = fc.dictionary(
    fc.constantFrom('a.js', 'b.js', 'src/c.ts', 'README.md', 'src/d.test.js', 'odd name.js'),
    fc.array(line, { maxLength: 30 }).map((lines) => lines.join('\n')),
    { minKeys: 1 },
  );
  const system = fc.constantFrom(
    DEBUG,
    'You audit security: all\n- surface: where\n- verdict: place',
    'You assess a code base: x\n- structure: parts',
  );

  it('cites only lines that a tool showed, word for word, and comes to an end', () => {
    fc.assert(
      fc.property(folder, system, (files, role) => {
        const { turns } = playRun({
          persona: createPersona(),
          system: role,
          task: 'look at a.js',
          folder: files,
          most: 30,
        });
        const claims = turns.flatMap((turn) =>
          turn.calls.filter((call) => call.name === 'report_step').map((call) => call.arguments),
        );
        expect(claims.at(-1).next_step_required).toBe(false);
        for (const { source, quote } of claims.flatMap((claim) => claim.citations)) {
          const [, path, number] = /^(.*):(\d+)$/.exec(source) ?? [];
          const text = files[path ?? '']?.split('\n')[Number(number) - 1];
          expect(text).toBeDefined();
          if (quote !== undefined) expect(text?.trim()).toBe(quote);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('never throws, whatever the messages', () => {
    const message = fc.record({
      role: fc.constantFrom('system', 'user', 'assistant', 'tool'),
      content: fc.oneof(fc.string(), fc.constant(null), line, fc.constant('a.js lines 1-2 of 2\n1| if (a = b) {')),
      tool_call_id: fc.constantFrom('c1', 'c2'),
      tool_calls: fc.array(
        fc.record({
          id: fc.constantFrom('c1', 'c2'),
          function: fc.record({ name: fc.constantFrom(...ALL_TOOLS, 'x'), arguments: fc.string() }),
        }),
        { maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.subarray([...ALL_TOOLS, 'git_diff', 'other']),
        (messages, tools) => {
          createPersona()(ask(messages as never, tools));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('moods', () => {
  const play = (mood: Mood) =>
    playRun({ persona: createPersona({ mood }), system: DEBUG, task: TASK, folder: load(EXAMPLE), most: 8 });
  const names = (mood: Mood): string[][] => play(mood).turns.map((turn) => turn.calls.map((call) => call.name));
  const claims = (mood: Mood): any[] =>
    play(mood).turns.flatMap((turn) =>
      turn.calls.filter((call) => call.name === 'report_step').map((call) => call.arguments),
    );

  it('loop: the same call for ever', () => {
    const calls = play('loop')
      .turns.slice(2)
      .map((turn) => JSON.stringify(turn.calls));
    expect(new Set(calls).size).toBe(1);
    expect(calls).toHaveLength(6);
  });

  it('stall: new questions that find nothing', () => {
    const { turns, messages } = play('stall');
    expect(new Set(turns.map((turn) => JSON.stringify(turn.calls))).size).toBe(8);
    expect(
      messages.filter((message) => message.role === 'tool').every((message) => message.content.startsWith('0 matches')),
    ).toBe(true);
  });

  it('lie: certain, done and without a citation, at once', () => {
    expect(claims('lie')).toEqual([
      expect.objectContaining({ confidence: 'certain', next_step_required: false, citations: [] }),
    ]);
  });

  it('early-quit: ends after one look', () => {
    expect(names('early-quit')).toEqual([['list_files'], ['report_step']]);
  });

  it('empty and prose: neither a call nor a claim', () => {
    expect(names('empty').flat()).toEqual([]);
    expect(play('empty').turns.every((turn) => turn.reply.text === '' && turn.reply.reasoning === '')).toBe(true);
    expect(names('prose').flat()).toEqual([]);
    expect(play('prose').turns.every((turn) => (turn.reply.text ?? '') !== '')).toBe(true);
  });

  it('wrong-enum and missing-fields: claims that do not fit', () => {
    expect(claims('wrong-enum')[0].confidence).toBe('pretty_sure');
    expect(Object.keys(claims('missing-fields')[0])).toEqual(['confidence']);
  });

  it('claim-beside-tools: a claim in the turn of other calls', () => {
    expect(names('claim-beside-tools')[0]).toEqual(['list_files', 'report_step']);
  });

  it('claim-in-reasoning: the claim is in the reasoning only', () => {
    const last = play('claim-in-reasoning').turns.find((turn) => turn.calls.length === 0);
    expect(last?.reply.text).toBe('');
    expect(last?.reply.reasoning).toContain('"next_step_required":');
  });

  it('changes by turn when it is a function', () => {
    const persona = createPersona({ mood: (turn) => (turn < 2 ? 'plausible' : 'lie') });
    const { turns } = playRun({ persona, system: DEBUG, task: TASK, folder: load(EXAMPLE) });
    expect(turns).toHaveLength(3);
    expect(turns.at(-1)?.calls[0]?.arguments.confidence).toBe('certain');
  });
});
