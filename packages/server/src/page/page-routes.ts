import { existsSync, readFileSync } from 'node:fs';

import type { Route } from '../http/http-endpoint.ts';

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

/** Path → file and type. The files hold no data; the page asks for that over the WebSocket. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page/page.css': ['page.css', CSS],
  '/page/page.js': ['page.js', JAVASCRIPT],
  '/page/feed.js': ['feed.js', JAVASCRIPT],
  '/page/dom.js': ['dom.js', JAVASCRIPT],
  '/page/tiers.js': ['tiers.js', JAVASCRIPT],
  '/page/tables.js': ['tables.js', JAVASCRIPT],
  '/page/chart.js': ['chart.js', JAVASCRIPT],
  '/page/uplot.js': ['vendor/uplot.js', JAVASCRIPT],
  '/page/uplot.css': ['vendor/uplot.css', CSS],
};

/** Own scripts and styles only, connections to this server only, and no string ever becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** The live page: a shell without data, for everyone who may reach the port. */
export function pageRoutes(): Map<string, Route> {
  const folder = pageFolder();
  const routes = Object.entries(FILES).map(([path, [file, type]]): [string, Route] => {
    const body = readFileSync(new URL(file, folder));
    const headers = { 'content-type': type, 'content-security-policy': POLICY };
    return [
      path,
      {
        methods: ['GET', 'HEAD'],
        handle: (request, response) => {
          response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : body);
        },
      },
    ];
  });
  return new Map(routes);
}

/** `page/` lies beside `src/` and `dist/`; this module is deeper in the first than in the second. */
function pageFolder(): URL {
  const candidates = ['../page/', '../../page/'].map((path) => new URL(path, import.meta.url));
  const found = candidates.find((folder) => existsSync(new URL('index.html', folder)));
  if (found === undefined) throw new Error('the files of the live page are missing from this installation');
  return found;
}
