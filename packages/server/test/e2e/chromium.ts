import { existsSync } from 'node:fs';

import { chromium, type Browser } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];

/** Whether Chromium is not installed; says so once per file, or fails where it has to be there. */
export function isMissing(what: string): boolean {
  if (existsSync(CHROMIUM)) return false;
  if (process.env['EXAI_REQUIRE_SERVICES'] === '1') throw new Error(`${CHROMIUM} is not installed`);
  console.log(`skipped: ${what} needs Chromium (apt-get install chromium)`);
  return true;
}

/** Starts Debian's Chromium. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: QUIET });
}
