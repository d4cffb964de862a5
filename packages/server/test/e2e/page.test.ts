import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../../src/client/index.ts';
import { createServer, type ExaiServer } from '../../src/index.ts';
import { isMissing, launch } from './chromium.ts';

const missing = isMissing('the live page');

let browser: Browser;
let server: ExaiServer | undefined;
beforeAll(async () => {
  if (!missing) browser = await launch();
});
afterAll(() => browser?.close());
afterEach(async () => {
  await server?.close({ graceMs: 0 });
  server = undefined;
});

async function start(config: Parameters<typeof createServer>[0] = {}): Promise<ExaiServer> {
  server = await createServer({ port: 0, store: 'memory', ...config });
  return server.listen();
}

/** Opens the page and collects what the browser complains about. */
async function open(url: string, options: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints };
}

const state = (page: Page) => page.locator('#state').textContent();

describe.skipIf(missing)('the live page', () => {
  it('shows permits, calls and runs as they change, and breaks no rule of its own policy', async () => {
    const { url, wsUrl } = await start();
    const { page, complaints } = await open(`${url}/`);
    await page.locator('.card').first().waitFor();
    expect(await page.locator('.card h3 span:first-child').allTextContents()).toEqual([
      'Global',
      'GLM',
      'Kimi',
      'All sessions',
    ]);
    expect(await page.locator('#calls').textContent()).toBe('No call is in flight.');

    const client = await connect(wsUrl);
    const call = client.call('chat', { prompt: 'hello', provider: 'kimi', simulate: { serviceMs: 4000 } });
    const row = page.locator('#calls tbody tr');
    await row.waitFor();
    expect(await row.textContent()).toContain('chat');
    await page.locator('.card', { hasText: 'Kimi' }).locator('.pip.held').waitFor();
    await page.locator('.card', { hasText: 'Global' }).locator('.pip.held').waitFor();
    await call;
    await page.locator('#runs .chip', { hasText: 'complete' }).waitFor();
    expect(await page.locator('#chart canvas').count()).toBe(1);
    expect(complaints).toEqual([]);
    await client.close();
    await page.close();
  });

  it('asks for a token, takes a right one and refuses a wrong one, and never shows it', async () => {
    const { url } = await start({ tokens: ['right-token'], adminToken: 'admin-token' });
    const { page } = await open(`${url}/`);
    await page.locator('#login').waitFor();
    expect(await state(page)).toBe('token needed');
    expect(await page.locator('main').isVisible()).toBe(false);

    await page.fill('#token', 'wrong-token');
    await page.click('button');
    await page.locator('#state', { hasText: 'refused' }).waitFor();
    await page.fill('#token', 'admin-token');
    await page.click('button');
    await page.locator('main').waitFor();
    expect(page.url()).not.toContain('token');
    expect(await page.content()).not.toContain('admin-token');
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    await page.close();
  });

  it('shows one without the admin token its own session, and everything once it is typed in', async () => {
    const { url, wsUrl } = await start({ adminToken: 'admin-token' });
    const other = await connect(wsUrl);
    const call = other.call('chat', { prompt: 'hello', simulate: { serviceMs: 20_000 } }).catch(() => undefined);
    const { page, complaints } = await open(`${url}/`);
    await page.locator('#about', { hasText: 'your session only' }).waitFor();
    expect(await page.locator('#calls').textContent()).toBe('No call is in flight.');
    await page.fill('#token', 'admin-token');
    await page.click('button');
    await page.locator('#calls tbody tr', { hasText: 'chat' }).waitFor();
    expect(await page.locator('#login').isVisible()).toBe(false);
    await expect.poll(() => server?.stats().sessions).toBe(2);
    expect(complaints).toEqual([]);
    await other.close();
    await call;
    await page.close();
  });

  it('shows an agent its own session only', async () => {
    const { url, wsUrl } = await start({ tokens: ['agent-a', 'agent-b'], adminToken: 'admin-token' });
    const other = await connect(wsUrl, { token: 'agent-b' });
    const call = other.call('chat', { prompt: 'secret work', simulate: { serviceMs: 3000 } });
    const { page } = await open(`${url}/`);
    await page.fill('#token', 'agent-a');
    await page.click('button');
    await page.locator('#about', { hasText: 'your session only' }).waitFor();
    expect(await page.locator('#calls').textContent()).toBe('No call is in flight.');
    await call;
    await other.close();
    await page.close();
  });

  it.each([
    ['a phone', { viewport: { width: 390, height: 844 } }],
    ['a dark desktop', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' as const }],
  ])('fits %s without scrolling sideways', async (_name, options) => {
    const { url } = await start();
    const { page, complaints } = await open(`${url}/`, options);
    await page.locator('.card').first().waitFor();
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('says that the connection is lost and comes back when the server does', async () => {
    const { url, port } = await start();
    const { page } = await open(`${url}/`);
    await page.locator('.card').first().waitFor();
    await server?.close({ graceMs: 0 });
    await page.locator('#state.bad').waitFor();
    await start({ port });
    await page.locator('#state.good').waitFor({ timeout: 30_000 });
    await page.close();
  }, 60_000);
});
