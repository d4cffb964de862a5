import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';

import { missingPackages } from '../../examples/cluster/processes.ts';

const root = new URL('../..', import.meta.url).pathname;

/** What each example must have shown: its point, not only that it ended. */
const shows: Record<string, readonly RegExp[]> = {
  // The longest one first: others run beside it.
  cluster: [
    /before: +12 of 12 calls answered by both servers\n.*GLM [12] of 2, Kimi [1-3] of 3; refused by the account: 0\n/,
    /killed: +server 1, while it had permits of the account\nafter: +12 of 12 calls ended with a result\n/,
    /most at once: GLM [12], Kimi [1-3]; refused by the account: 0\nagain: +12 of 12 keys .* with 0 model calls\n/,
  ],
  'limit-calls': [/most at once: 3 of 3/, /Ben and Cleo were done after [1-9] of 12/, /left over: 0 held, 0 waiting/],
  'find-a-leak': [/leaked: "price of unknown", asked for at find-a-leak\/main\.ts:10/, /at the end: 0 held/],
  'move-from-async-mutex': [/core: +heavy call TIMEOUT, light call behind it runs/, /in the way: +"nightly import"/],
  'stream-a-chat': [/ended by "stop"/, /answered by kimi-k2\.6/, /too late: ProviderError: the deadline passed/],
  'ai-sdk-drop-in': [/agent: It has 21 degrees\. \(2 steps\)/, /streams: 10 answered, at most 2 in flight/],
  'adaptive-timeouts': [/at first, a silence may last 360 s/, /\(learned\)\n.*ended in "text" after \d+ s \(learned\)/],
  'three-step-review': [/step 2: saw cart\.txt:2/, /stop: complete, verified, observed/, /evidence: defect, fix/],
  'resume-after-crash': [/the worker is gone: SIGKILL\n(?!deploys eu)/, /stop: complete after 4 steps, verified/],
  'express-gate': [/six at once: (200 ){3}(503 ?){3}/, /ben asks two: +200 200/, /held at the end: 0/],
  'mcp-in-your-editor': [/Claude Code is answered: true/, /Cursor is answered: true/, /sessions of the one server: 2/],
  // 4 says that this machine was too busy to tell, 8 that the calls were too few: no promise was broken.
  'load-test-in-ci': [
    /The promises hold: exit [048]\n/,
    /Before and after, in turns: exit [048]\n/,
    /Compare: exit \d\n/,
  ],
  dashboards: [/0 of them not on \/metrics/, /leaked: +current 4, expected 5/, /recovered: current 5, expected 5/],
};

/** False, with one printed line, where its programs are not installed; true, so that it fails, with `EXAI_REQUIRE_SERVICES=1`. */
function runsCluster(): boolean {
  const missing = missingPackages();
  if (missing.length === 0 || process.env['EXAI_REQUIRE_SERVICES'] === '1') return true;
  console.log(`skipped: the example cluster needs ${missing.join(', ')}`);
  return false;
}

async function runExample(name: string): Promise<void> {
  const words = ['run', '--silent', 'example', '--', `examples/${name}/main.ts`];
  const { stdout } = await promisify(execFile)('npm', words, { cwd: root });
  for (const line of shows[name] ?? []) expect(stdout).toMatch(line);
}

/** It compares response times, so nothing else may run beside it. */
const measuring = ['load-test-in-ci'];
const others = Object.keys(shows).filter((name) => !measuring.includes(name) && (name !== 'cluster' || runsCluster()));

vi.setConfig({ maxConcurrency: 2, testTimeout: 240_000 });

describe('the examples', () => {
  it.concurrent.each(others)('%s', runExample);
  it.each(measuring)('%s', runExample);

  it('are all run', () => {
    const stories = readdirSync(new URL('examples', `file://${root}`)).filter((name) => !name.includes('.'));
    expect(stories.toSorted()).toEqual([...Object.keys(shows), 'planted-bug'].toSorted());
  });
});
