import { describe, expect, test } from 'vitest';

import {
  builtInScenario,
  defineScenario,
  parseReport,
  PermitWatch,
  renderHtml,
  renderJson,
  renderJunit,
  renderMarkdown,
  renderSummary,
  runScenario,
  virtual,
  VirtualClock,
} from '../src/index.ts';
import type { RunResult, Scenario } from '../src/index.ts';

async function simulate(over: Partial<Scenario> = {}, leaks = 0): Promise<RunResult> {
  const clock = new VirtualClock();
  const driver = virtual({ clock, limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } } });
  const permits = new PermitWatch({
    url: 'virtual',
    clock,
    read: () => driver.readMetrics(),
    everyMs: 10_000,
    settleLimitMs: 100,
  });
  clock.at(1000, () => driver.permits.leak('kimi', leaks));
  return clock.run(
    runScenario(defineScenario({ ...builtInScenario('timeout'), ...over }), { clock, driver, permits, timeScale: 0.5 }),
  );
}

const CODE = '<img src=x onerror=alert(1)>';

describe('reports', () => {
  test('a report read back from JSON renders to the same bytes', async () => {
    const result = await simulate();
    const json = renderJson(result);
    const again = parseReport(JSON.parse(json));
    expect(renderHtml(again)).toBe(renderHtml(result));
    expect(renderJson(again)).toBe(json);
    expect(renderJunit(again)).toBe(renderJunit(result));
  });

  test('the HTML loads nothing, runs nothing, and says so in its policy', async () => {
    const page = renderHtml(await simulate());
    expect(page).toContain(`content="default-src 'none'; style-src 'sha256-`);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|javascript:| style="| on\w+="|url\(/i);
    expect(page.match(/https?:\/\//g)).toBeNull();
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).toContain('@media print');
  });

  test('the verdict comes first, then the self-checks, then the numbers', async () => {
    const page = renderHtml(await simulate());
    const order = [
      'class="badge',
      'Self-checks of the load tester',
      '<h2>Latency</h2>',
      '<h2>Over time</h2>',
      'Response per session',
      '<h2>Permits</h2>',
    ];
    const places = order.map((text) => page.indexOf(text));
    expect(places).not.toContain(-1);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
    expect(page.match(/<svg/g)?.length).toBeGreaterThanOrEqual(5);
  });

  test('a run of a moment still has its report with charts', async () => {
    const page = renderHtml(await simulate({ maxCalls: 2 }));
    expect(page.match(/<svg/g)?.length).toBeGreaterThanOrEqual(4);
  });

  test('scaled and unscaled times stand side by side', async () => {
    expect(renderHtml(await simulate())).toContain('p50 unscaled');
  });

  test('names and codes from outside cannot become markup', async () => {
    const result = await simulate();
    const hostile: RunResult = {
      ...result,
      scenario: { ...result.scenario, name: CODE, description: CODE },
      totals: { ...result.totals, codes: { [CODE]: 1 } },
      byTool: result.byTool.map((group) => ({ ...group, name: CODE })),
      verdict: { exit: 1, status: 'failed', reasons: [CODE] },
    };
    for (const text of [renderHtml(hostile), renderJunit(hostile), renderMarkdown(hostile)])
      expect(text).not.toContain('<img');
  });

  test('JUnit has one case per threshold, self-check and audit rule; the broken ones fail', async () => {
    const good = await simulate();
    const expected = 1 + good.thresholds.length + good.selfChecks.length + 2;
    expect(renderJunit(good)).toContain(`tests="${expected}" failures="0" skipped="0"`);
    const leaked = await simulate({ thresholds: ['ok > 100000'] }, 1);
    expect(renderJunit(leaked)).toMatch(/failures="[34]"/);
    expect(renderJunit(leaked)).toContain('no permit is missing after the drain"><failure');
  });

  test('the summary names what is not supported by enough calls', async () => {
    const text = renderSummary(await simulate());
    expect(text).toMatch(/^timeout: PASSED \(exit 0\)/);
    expect(text).toMatch(/tool thinkdeep .*\(/);
    expect(text).toContain('p95: 59');
    expect(text).not.toMatch(/NaN|undefined/);
  });

  test('a percentile without enough calls is no headline', async () => {
    const page = renderHtml(await simulate({ maxCalls: 8 }));
    expect(page).toContain('too few calls');
  });

  test.each<[string, (json: Record<string, unknown>) => unknown, RegExp]>([
    ['truncated', ({ totals: _totals, ...rest }) => rest, /totals: is required/],
    ['of another kind', (json) => ({ ...json, schema: 'k6' }), /schema: must be exai.loadtest.report\/1, got "k6"/],
    ['with text for a number', (json) => ({ ...json, fairness: 'fair' }), /fairness: must be a number, got "fair"/],
    ['no object at all', () => [], /the document: must be an object/],
  ])('a report that is %s is refused with the field', async (_name, break_, message) => {
    const json = JSON.parse(renderJson(await simulate({ maxCalls: 3 }))) as Record<string, unknown>;
    expect(() => parseReport(break_(json))).toThrow(message);
    expect(() => parseReport(break_(json))).toThrow(expect.objectContaining({ code: 'INVALID_REPORT' }));
  });
});
