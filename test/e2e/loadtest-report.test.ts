/** A report opened in a browser that reaches nothing: it must be whole by itself. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { builtInScenario, PermitWatch, renderHtml, runScenario, virtual, VirtualClock } from '@exai/loadtest';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isMissing, launch } from '../../packages/server/test/e2e/chromium.ts';

const missing = isMissing('the report of the load tester');
let browser: Browser;
let folder = '';
let address = '';

beforeAll(async () => {
  if (missing) return;
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'exai-report-'));
  const clock = new VirtualClock();
  const driver = virtual({
    clock,
    limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } },
    healthCheckMs: 5000,
  });
  const permits = new PermitWatch({ url: 'virtual', clock, read: () => driver.readMetrics(), everyMs: 10_000 });
  const result = await clock.run(
    runScenario(builtInScenario('recovery'), { clock, driver, permits, faults: driver, timeScale: 0.5 }),
  );
  const file = join(folder, 'report.html');
  await writeFile(file, renderHtml(result));
  address = pathToFileURL(file).href;
});
afterAll(async () => {
  await browser?.close();
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

describe.skipIf(missing)('the report', () => {
  it.each([
    { what: 'in the light, on a phone', options: { colorScheme: 'light', viewport: { width: 390, height: 800 } } },
    {
      what: 'in the dark, without JavaScript',
      options: { colorScheme: 'dark', javaScriptEnabled: false, viewport: { width: 1100, height: 800 } },
    },
  ] as const)('$what: it asks for nothing, breaks no rule of its policy, and shows its charts', async ({ options }) => {
    const page = await browser.newPage(options);
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(address);
    expect(asked).toEqual([address]);
    expect(complaints).toEqual([]);
    expect(await page.locator('h1').textContent()).toContain('recovery');
    expect(await page.locator('svg').count()).toBeGreaterThanOrEqual(5);
    for (const chart of await page.locator('svg').all()) {
      const box = await chart.boundingBox();
      expect(box?.width ?? 0).toBeGreaterThan(250);
      expect(box?.height ?? 0).toBeGreaterThan(20);
    }
    // Wide tables scroll in their panel; the page itself does not.
    const body = await page.locator('main').boundingBox();
    expect(body?.width ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(options.viewport.width);
    await page.close();
  });

  it('follows the colours of the reader', async () => {
    const colours = await Promise.all(
      (['light', 'dark'] as const).map(async (colorScheme) => {
        const page = await browser.newPage({ colorScheme });
        await page.goto(address);
        const colour = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        await page.close();
        return colour;
      }),
    );
    expect(new Set(colours).size).toBe(2);
  });
});
