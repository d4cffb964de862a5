import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { until } from '../test-server.ts';
import { isMissing, launch } from './chromium.ts';
import { freePort } from '../../../../test/services/free-port.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** A folder for screenshots, for a person to look at. */
const SHOTS = process.env['EXAI_SHOTS'];
/** Ample: on a busy machine a process takes seconds to start. */
const PATIENT_MS = 60_000;

/** Long enough to be cut in the middle; pictures take their time. */
const SERVICE_MS = SHOTS === undefined ? 2500 : 40_000;

const folder = mkdtempSync(join(tmpdir(), 'exai-newcomer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let running: ChildProcess | undefined;
afterEach(() => void running?.kill('SIGKILL'));

/** What `npm start` runs, with flags as after `--`. */
async function npmStart(port: number, env: Record<string, string> = {}, flags: string[] = []): Promise<() => string> {
  const args = ['--conditions=@exai/source', '--import', 'tsx', 'scripts/start.ts', ...flags];
  const own = { EXAI_WS_PORT: String(port), EXAI_DATA_DIR: join(folder, `data-${port}`) };
  const child = spawn(process.execPath, args, { cwd: root, env: { PATH: process.env['PATH'], ...own, ...env } });
  running = child;
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await until(() => text.includes('Ctrl-C ends') || child.exitCode !== null, 'npm start says where it is', PATIENT_MS);
  return () => text;
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  const child = running;
  child?.kill(signal);
  if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function debugBug(client: Client, key: string) {
  const args = {
    prompt: 'The counter of the planted-bug example is wrong. Why?',
    thinking_mode: 'medium',
    simulate: { serviceMs: SERVICE_MS },
  };
  return client.callTool(
    { name: 'debug', arguments: args, _meta: { 'exai/idempotencyKey': key } },
    { timeout: PATIENT_MS, resetTimeoutOnProgress: true, onprogress: () => undefined },
  );
}

async function connectMcp(port: number): Promise<Client> {
  const client = new Client({ name: 'newcomer', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)));
  return client;
}

const missing = isMissing("the newcomer's path");
let browser: Browser;
beforeAll(async () => {
  if (!missing) browser = await launch();
});
afterAll(() => browser?.close());

async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, width, height] of [
      ['desktop', 1280, 900],
      ['phone', 390, 844],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(1200);
      await page.screenshot({ path: join(SHOTS, `${name}-${colorScheme}-${size}.png`), fullPage: true });
    }
  }
}

describe("a newcomer's first ten minutes", () => {
  it.skipIf(missing)(
    'start, page, MCP client, debug, restart in the middle of it, and its answer',
    async () => {
      const port = await freePort();
      const said = await npmStart(port);
      expect(said()).toContain(`page       http://127.0.0.1:${port}/`);
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.locator('#state.good').waitFor();

      const before = await connectMcp(port);
      expect((await before.listTools()).tools.map(({ name }) => name)).toContain('debug');
      const lost = debugBug(before, 'my-bug').catch(() => undefined);
      const call = page.locator('#calls tbody tr', { hasText: 'debug' });
      await call.waitFor();
      const run = page.locator('#runs tbody tr', { hasText: 'debug' });
      await run.locator('.chip', { hasText: 'running' }).waitFor();
      await expect
        .poll(async () => Number(await run.locator('td').nth(1).textContent()), { timeout: PATIENT_MS })
        .toBeGreaterThan(0);
      await shoot(page, '1-running');

      await stop('SIGKILL');
      await page.locator('#state.bad').waitFor();
      await shoot(page, '2-lost');
      await before.close().catch(() => undefined);
      await lost;
      await npmStart(port);
      await page.locator('#state.good').waitFor({ timeout: PATIENT_MS });
      // Nobody has asked for it again: the server goes on by itself.
      await run.waitFor({ timeout: PATIENT_MS });
      await shoot(page, '3-resumed');

      const after = await connectMcp(port);
      const answer = await debugBug(after, 'my-bug');
      expect(answer.isError).toBe(false);
      expect(answer.structuredContent).toMatchObject({ stop: { kind: 'complete' } });
      await run.locator('.chip', { hasText: 'complete' }).waitFor();
      expect(await page.locator('#runs tbody tr').count()).toBe(1);
      await shoot(page, '4-complete');
      await after.close();
      await stop('SIGINT');
      expect(running?.exitCode).toBe(0);
      await page.close();
    },
    180_000,
  );

  it('--faults reaches the server, and another flag is refused', async () => {
    const port = await freePort();
    const admin = { EXAI_WS_ADMIN_TOKEN: 'administrator' };
    const said = await npmStart(port, admin, ['--faults']);
    expect(said()).toContain('FAULTS ARE ENABLED');
    const answer = await fetch(`http://127.0.0.1:${port}/admin/faults`, {
      method: 'POST',
      headers: { authorization: 'Bearer administrator' },
      body: JSON.stringify({ kind: 'double_release' }),
    });
    expect(await answer.json()).toEqual({ ok: true, done: '1 permits of glm were released twice' });
    await stop('SIGTERM');
    expect((await npmStart(port, admin, ['--fault']))()).toContain('takes no other flag than --faults, got --fault');
    expect(running?.exitCode).toBe(2);
  }, 300_000);
});
