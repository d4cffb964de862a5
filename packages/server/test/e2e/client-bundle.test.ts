import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { chatOf, startServer, until } from '../test-server.ts';
import { isMissing, launch } from './chromium.ts';

/** Of these zod takes about 21 KB, the client itself about 4. */
const CEILING_BYTES = 40 * 1024;

let text = '';
let inputs: string[] = [];
beforeAll(async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL('../../src/client/index.ts', import.meta.url).pathname],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'iife',
    globalName: 'exai',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@exai/source', 'module'],
  });
  text = outputFiles[0]?.text ?? '';
  inputs = Object.keys(metafile.inputs);
});

describe('the client as a bundle for browsers', () => {
  it('needs nothing of Node and stays below its ceiling', () => {
    expect(text).not.toMatch(/node:/);
    expect(inputs.filter((path) => /src\/(calls|compose|door|sessions|ws)\//.test(path))).toEqual([]);
    expect(gzipSync(text, { level: 9 }).length).toBeLessThan(CEILING_BYTES);
  });

  const missing = isMissing('the client in a browser');
  let browser: Browser;
  beforeAll(async () => {
    if (!missing) browser = await launch();
  });
  afterAll(() => browser?.close());

  it.skipIf(missing)('streams, cancels and resumes in Chromium', async () => {
    const server = await startServer();
    const page = await browser.newPage({ bypassCSP: true });
    await page.goto(`${server.url}/`);
    await page.addScriptTag({ content: text });
    const run = `(async () => {
      const client = await exai.connect(${JSON.stringify(server.wsUrl)}, { delay: () => 5 });
      window.client = client;
      let pieces = '';
      const onEvent = (event) => { if (event.type === 'chunk') pieces += event.delta; };
      const answer = await client.call('chat', ${JSON.stringify(chatOf(30))}, { onEvent });
      window.second = client.call('chat', ${JSON.stringify(chatOf(1500))});
      return { same: pieces === answer.text, stop: answer.stop.kind };
    })()`;
    expect(await page.evaluate(run)).toEqual({ same: true, stop: 'complete' });
    await until(() => server.semaphore.stats().global.held === 1, 'the second call runs');
    // The page has a session of its own.
    for (const session of server.sessions.values()) session.disconnect(1011, 'test');
    expect(await page.evaluate('window.second.then(({ stop }) => stop.kind)')).toBe('complete');
    const cancelled = `(async () => {
      const controller = new AbortController();
      const call = client.call('chat', ${JSON.stringify(chatOf(60_000))}, { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      return await call.catch((error) => [error instanceof exai.ProtocolError, error.code]);
    })()`;
    expect(await page.evaluate(cancelled)).toEqual([true, 'CANCELLED']);
    await until(() => server.semaphore.stats().global.held === 0, 'the permit is back');
    expect(server.models.simulator?.log.calls.length).toBeGreaterThanOrEqual(2);
    await page.close();
  });
});
