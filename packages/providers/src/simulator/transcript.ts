import type { ServerResponse } from 'node:http';

import type { JsonObject } from './json.ts';
import type { Step } from './playback.ts';

/** One thing a scripted response does. A `string` or bytes go out as they are, an `event` as one server-sent event. */
export type TranscriptPart =
  | string
  | Uint8Array
  | { readonly event: JsonObject | string }
  /** Real milliseconds, whatever the time scale. */
  | { readonly waitMs: number };

/** A response, byte for byte. */
export interface Transcript {
  /** @defaultValue 200 */
  readonly status?: number;
  /** By default those of server-sent events. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly parts: readonly TranscriptPart[];
  /** `end` ends it properly, `cut` breaks the connection, `hang` leaves it open. @defaultValue 'end' */
  readonly close?: 'end' | 'cut' | 'hang';
  /** True when not even the head is sent before the first byte of a part. @defaultValue false */
  readonly holdHead?: boolean;
  /** Comments to send every so many milliseconds while it hangs. */
  readonly keepAliveMs?: number;
}

const EVENT_STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };

/** Sends the head of a transcript, now or with the first byte. */
export function sendHead(transcript: Transcript, response: ServerResponse): void {
  response.writeHead(transcript.status ?? 200, { ...(transcript.headers ?? EVENT_STREAM) });
  if (transcript.holdHead !== true) response.flushHeaders();
}

/** The steps that play a transcript, beginning `fromMs` after receipt. */
export function transcriptSteps(transcript: Transcript, fromMs: number): Step[] {
  const steps: Step[] = [];
  let atMs = fromMs;
  for (const part of transcript.parts) {
    if (typeof part === 'string' || part instanceof Uint8Array) steps.push({ atMs, write: part });
    else if ('event' in part) steps.push({ atMs, write: sseEvent(part.event) });
    else atMs += part.waitMs;
  }
  if (transcript.keepAliveMs !== undefined) steps.push({ atMs, keepAliveMs: transcript.keepAliveMs });
  const close = transcript.close ?? 'end';
  if (close !== 'hang') steps.push({ atMs, close });
  return steps;
}

/** Writes one server-sent event. */
export function sseEvent(data: JsonObject | string): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
