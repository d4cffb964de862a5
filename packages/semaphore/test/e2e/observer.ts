import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** More work at once than allowed. */
export interface Violation {
  readonly by: string;
  readonly tier: string;
  readonly running: number;
  readonly limit: number;
}

/**
 * Sees what runs, by its own count: each worker says so when work begins and before it ends, and waits for the answer, so
 * that no order of messages makes two pieces of work overlap that did not. What a killed worker ran has ended with it.
 */
export class Observer {
  readonly violations: Violation[] = [];
  /** Work begun so far. */
  begun = 0;
  /** Workers whose work is counted apart: they were stopped for longer than their lease. */
  readonly excused: Set<string> = new Set();
  /** Most work at once with excused workers counted too. */
  worst = 0;
  /** When as much as its limit ran last, by tier, in milliseconds of this process. */
  readonly fullAt: Map<string, number> = new Map();
  private readonly limits: ReadonlyMap<string, number>;
  private readonly running: Map<string, Map<string, string>> = new Map();
  private readonly sockets: Set<Socket> = new Set();
  private readonly server: Server;
  port = 0;

  constructor(limits: Record<string, number>) {
    this.limits = new Map(Object.entries(limits));
    this.server = createServer((socket) => this.serve(socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    const address = this.server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  /** Work of one worker: all of it, or what it does at one provider. */
  of(name: string, tier: string = 'global'): number {
    const work = [...(this.running.get(name)?.values() ?? [])];
    return work.filter((provider) => tier === 'global' || tier === provider).length;
  }

  /** Work at once: of all, or to one provider. */
  total(tier: string = 'global', all: boolean = true): number {
    let sum = 0;
    for (const [name, work] of this.running) {
      if (!all && this.excused.has(name)) continue;
      for (const provider of work.values()) if (tier === 'global' || tier === provider) sum += 1;
    }
    return sum;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    let name = '';
    let own = new Map<string, string>();
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (this.running.get(name) === own) this.running.delete(name);
    });
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const [verb = '', id = '', provider = ''] = line.split(' ');
      if (verb === 'hello') {
        name = id;
        own = new Map();
        this.running.set(name, own);
      } else if (verb === 'begin') {
        own.set(id, provider);
        this.begun += 1;
        this.check(name, provider);
      } else own.delete(id);
      socket.write(`${id}\n`);
    });
  }

  private check(by: string, provider: string): void {
    this.worst = Math.max(this.worst, this.total());
    for (const tier of ['global', provider]) {
      if (this.total(tier) >= (this.limits.get(tier) ?? Infinity)) this.fullAt.set(tier, performance.now());
      if (this.excused.has(by)) continue;
      const [running, limit] = [this.total(tier, false), this.limits.get(tier) ?? Infinity];
      if (running > limit) this.violations.push({ by, tier, running, limit });
    }
  }
}
