import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

import { createMetrics, FAMILIES } from '../src/index.ts';
import { familyOf, parseQuery } from './promql-names.ts';
import { observeAll, runScript } from './scripted-run.ts';
import { hasPrograms, run } from './services.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const read = (path: string): any => parse(readFileSync(here(path), 'utf8'));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

const rules: Rule[] = read('../alerts/exai.rules.yaml').groups.flatMap((group: { rules: Rule[] }) => group.rules);
const unitTests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[] = read(
  '../alerts/exai.rules.test.yaml',
).tests;

/** The alerts that ship, as literals. */
const ALERTS = [
  'ExaiBreakerOpen',
  'ExaiCallHung',
  'ExaiDown',
  'ExaiDrainSlow',
  'ExaiEventLoopLag',
  'ExaiLeakDetected',
  'ExaiNewErrorCode',
  'ExaiPermitsLeaked',
  'ExaiProviderErrors',
  'ExaiQueueLong',
  'ExaiRecoveryFailed',
  'ExaiSaturated',
  'ExaiShedding',
  'ExaiWaitSlow',
];

describe('the alerts', () => {
  test('are these', () => {
    expect(rules.map(({ alert }) => alert).toSorted()).toEqual(ALERTS);
  });

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s has a severity, texts, a runbook and known names',
    (_alert, rule) => {
      expect(['critical', 'warning']).toContain(rule.labels.severity);
      expect(rule.annotations['summary']).toBeTruthy();
      expect(rule.annotations['description']).toMatch(/\.$/);
      expect(rule.annotations['description']).not.toContain('$value');
      expect(existsSync(here(`../../../${rule.annotations['runbook']}`))).toBe(true);
      const { metrics } = parseQuery(rule.expr);
      for (const metric of metrics.filter((name) => name !== 'up'))
        expect(Object.keys(FAMILIES)).toContain(familyOf(metric));
    },
  );

  test.each(ALERTS)('%s has a unit test in which it fires and one in which it does not', (alert) => {
    const cases = unitTests.flatMap((unit) => unit.alert_rule_test).filter(({ alertname }) => alertname === alert);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
  });

  test('critical ones reach PagerDuty, all of them Slack', () => {
    const { receivers, route } = read('../alertmanager.example.yml');
    expect(receivers.map((receiver: object) => Object.keys(receiver)).flat()).toEqual(
      expect.arrayContaining(['pagerduty_configs', 'slack_configs']),
    );
    expect(route.receiver).toBe('slack');
    expect(route.routes[0]).toMatchObject({ matchers: ['severity="critical"'], receiver: 'pagerduty', continue: true });
    expect(route.routes[1]).toMatchObject({ receiver: 'slack' });
  });
});

describe.skipIf(!hasPrograms('the checks of rules and metrics', ['promtool', 'amtool']))('promtool and amtool', () => {
  test.each([
    ['promtool', ['check', 'rules', 'alerts/exai.rules.yaml']],
    ['promtool', ['test', 'rules', 'alerts/exai.rules.test.yaml']],
    ['amtool', ['check-config', 'alertmanager.example.yml']],
  ] as const)('%s %s is clean', (program, args) => {
    const { code, output } = run(program, args, { cwd: here('..') });
    expect(output).not.toMatch(/FAILED|error/i);
    expect(code).toBe(0);
  });

  test('promtool check metrics finds nothing to complain about in our families', async () => {
    const metrics = createMetrics({ cacheMs: 0 });
    const components = observeAll(metrics);
    runScript(components);
    components.server.emit('finished', { transport: 'odd', tool: 'odd', durationMs: NaN });
    expect(run('promtool', ['check', 'metrics'], { input: await metrics.render() })).toEqual({ code: 0, output: '' });
  });

  test('the unit tests fail when a threshold is changed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'exai-rules-'));
    const rulesText = readFileSync(here('../alerts/exai.rules.yaml'), 'utf8');
    const broken = rulesText.replace('> 3 * mcp_semaphore_capacity', '> 9 * mcp_semaphore_capacity');
    expect(broken).not.toBe(rulesText);
    writeFileSync(join(folder, 'exai.rules.yaml'), broken);
    const queueTests = unitTests.filter(({ alert_rule_test: [first] }) => first?.alertname === 'ExaiQueueLong');
    writeFileSync(join(folder, 'broken.test.yaml'), stringify({ rule_files: ['exai.rules.yaml'], tests: queueTests }));
    const { code, output } = run('promtool', ['test', 'rules', join(folder, 'broken.test.yaml')]);
    rmSync(folder, { recursive: true });
    expect(output).toContain('FAILED');
    expect(code).not.toBe(0);
  });
});
