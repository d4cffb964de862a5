import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ChatModel } from '@exai/providers';
import { builtInWorkflows, createEngine, type RunEvent } from '@exai/workflow';

const FOLDER = fileURLToPath(new URL('../examples/planted-bug', import.meta.url));
const PROMPT = 'main.js stops after three prices and exits with code 13';

/** What a trace must never hold, and what stands in its place. */
export interface Redaction {
  readonly secrets: readonly string[];
}

/** Runs `debug` over the planted bug with a model and returns the journal's events, redacted, one JSON line each. */
export async function recordWorkflow(model: ChatModel, redaction: Redaction): Promise<string> {
  const engine = createEngine({ models: () => model, roots: [FOLDER] });
  const events: RunEvent[] = [];
  try {
    for await (const event of engine.start(builtInWorkflows.debug, { prompt: PROMPT })) {
      if (event.type !== 'model.delta') events.push(event);
    }
  } finally {
    await engine.close();
  }
  return `${events.map((event) => redact(JSON.stringify(event), redaction)).join('\n')}\n`;
}

/** Writes a trace where the workflow tests look for recorded runs. */
export async function saveTrace(provider: string, trace: string): Promise<string> {
  const file = fileURLToPath(new URL(`../packages/workflow/test/recorded/${provider}-debug.jsonl`, import.meta.url));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, trace);
  return file;
}

function redact(line: string, { secrets }: Redaction): string {
  const hidden = [...secrets, FOLDER.replace(/[/\\]$/, ''), homedir()].filter(
    (text) => text.length > 1 && text !== sep,
  );
  return hidden.reduce((text, secret) => text.replaceAll(JSON.stringify(secret).slice(1, -1), '[redacted]'), line);
}
