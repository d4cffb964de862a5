import type { IncomingMessage, ServerResponse } from 'node:http';

import type { JsonObject } from './json.ts';
import { asObject } from './json.ts';

/** Largest request body read, in bytes. */
const MOST_BYTES = 128 * 1024 * 1024;

/** Reads a whole body; `undefined` when the client went away or it is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request) {
      if (!Buffer.isBuffer(part)) continue;
      parts.push(part);
      bytes += part.length;
      if (bytes > MOST_BYTES) return undefined;
    }
  } catch {
    // The connection broke: there is nobody to tell.
    return undefined;
  }
  return Buffer.concat(parts);
}

/** Reads a body as a JSON object; `undefined` when it is none. */
export function parseJson(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? asObject(value) : undefined;
  } catch {
    return undefined;
  }
}

/** Answers with JSON and ends. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
