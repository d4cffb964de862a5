import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('./worker-child.ts', import.meta.url));
// DBOS 5.3 sends queries in a way that pg 8 calls deprecated.
const FLAGS = ['--no-deprecation', '--conditions=@exai/source', '--import', 'tsx'];
const PATIENCE_MS = 60_000;

type Message = Readonly<Record<string, unknown>>;

/** A worker in a process of its own. */
export class WorkerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #messages: Message[] = [];
  #failed: string | undefined;

  constructor(url: string, name: string, dir: string, concurrency: number) {
    this.name = name;
    this.#child = fork(ENTRY, [url, name, dir, String(concurrency)], { execArgv: FLAGS, stdio: 'inherit' });
    this.#child.on('message', (message: Message) => this.#messages.push(message));
    this.#child.on('exit', (code, signal) => {
      this.#failed = `worker ${name} ended with ${code ?? signal}`;
    });
  }

  async ready(): Promise<void> {
    await this.#answer('ready');
  }

  async dispatch(runIds: readonly string[]): Promise<void> {
    this.#child.send({ dispatch: runIds });
    await this.#answer('dispatched');
  }

  /** What becomes of an append under the last lease this process had on the run. */
  async staleAppend(runId: string): Promise<unknown> {
    this.#child.send({ stale: runId });
    return await this.#answer('stale');
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  /** Kills it and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => {
      this.#child.once('exit', resolve);
    });
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #answer(key: string): Promise<unknown> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const index = this.#messages.findIndex((message) => key in message || 'failed' in message);
      const message = index < 0 ? undefined : this.#messages.splice(index, 1)[0];
      if (message !== undefined && 'failed' in message)
        throw new Error(`worker ${this.name}: ${String(message['failed'])}`);
      if (message !== undefined) return message[key];
      if (this.#failed !== undefined) throw new Error(this.#failed);
      if (Date.now() > until) throw new Error(`worker ${this.name} did not answer ${key}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  }
}
