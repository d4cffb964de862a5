/** What the model is asked. Durations are milliseconds. */
export interface ScaleOrders {
  readonly processes: number;
  /** Sessions of each process. */
  readonly sessions: number;
  readonly limit: number;
  /** Calls a process serves in a row with one leased permit while others wait. 1 is what `@exai/semaphore/redis` does. */
  readonly batch: number;
  readonly holdMs: number;
  readonly thinkMs: number;
  /** One script call on the server, and what each permit that changes hands adds to it. */
  readonly scriptMs: number;
  readonly permitMs: number;
  readonly roundTripMs: number;
  /** Accounts like this one on the same server. */
  readonly accounts: number;
  readonly simulatedMs: number;
  readonly seed: number;
}

/** What came of it. */
export interface ScaleSight {
  /** Of one account. */
  readonly grantsPerSecond: number;
  readonly callsPerGrant: number;
  /** Part of the time the server was at work, for all accounts. */
  readonly serverBusy: number;
  /** Part of the limit in use. */
  readonly inUse: number;
  /** Jain's index over processes: 1 when all got the same. */
  readonly fairness: number;
  readonly waitP50Ms: number;
  readonly waitP99Ms: number;
}

interface Process {
  waiting: number[];
  leased: number;
  running: number;
  /** Calls left to serve with what is leased. */
  budget: number;
  returning: number;
  isCalling: boolean;
  isDirty: boolean;
  inLine: number;
  tag: number;
  order: number;
  grants: number;
}

/** A time-ordered list of what happens next. */
class Agenda {
  private readonly heap: { at: number; act: () => void }[] = [];
  now = 0;

  add(delay: number, act: () => void): void {
    const { heap } = this;
    heap.push({ at: this.now + delay, act });
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.swapIfLater(parent, child)) return;
      child = parent;
    }
  }

  /** Does the next thing, unless it lies behind the end. */
  step(end: number): boolean {
    const first = this.heap[0];
    const last = this.heap.pop();
    if (first === undefined || last === undefined || first.at > end) return false;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink();
    }
    this.now = first.at;
    first.act();
    return true;
  }

  private sink(): void {
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      const least = this.isEarlier(right, left) ? right : left;
      if (!this.swapIfLater(parent, least)) return;
      parent = least;
    }
  }

  private isEarlier(a: number, b: number): boolean {
    return (this.heap[a]?.at ?? Infinity) < (this.heap[b]?.at ?? Infinity);
  }

  private swapIfLater(parent: number, child: number): boolean {
    const [above, below] = [this.heap[parent], this.heap[child]];
    if (above === undefined || below === undefined || above.at <= below.at) return false;
    this.heap[parent] = below;
    this.heap[child] = above;
    return true;
  }
}

/** One account of many processes behind one single-threaded server, call by call. */
export class ScaleModel {
  private readonly orders: ScaleOrders;
  private readonly agenda = new Agenda();
  private readonly processes: Process[];
  private readonly waits: number[] = [];
  private serverFreeAt = 0;
  private serverBusyMs = 0;
  private used = 0;
  private virtualTime = 0;
  private arrivals = 0;
  private calls = 0;
  private heldMs = 0;
  private random: number;

  constructor(orders: ScaleOrders) {
    this.orders = orders;
    this.random = orders.seed;
    this.processes = Array.from({ length: orders.processes }, () => ({
      waiting: [],
      leased: 0,
      running: 0,
      budget: 0,
      returning: 0,
      isCalling: false,
      isDirty: false,
      inLine: 0,
      tag: 0,
      order: 0,
      grants: 0,
    }));
  }

  run(): ScaleSight {
    const { agenda, orders } = this;
    for (const process of this.processes)
      for (let n = 0; n < orders.sessions; n += 1) agenda.add(this.spread(orders.thinkMs), () => this.ask(process));
    while (agenda.step(orders.simulatedMs));
    return this.toSight();
  }

  private ask(process: Process): void {
    process.waiting.push(this.agenda.now);
    this.serve(process);
    this.call(process);
  }

  /** Starts what can start with what is leased. */
  private serve(process: Process): void {
    while (process.waiting.length > 0 && process.running < process.leased && process.budget > 0) {
      this.waits.push(this.agenda.now - (process.waiting.shift() ?? 0));
      process.running += 1;
      process.budget -= 1;
      process.grants += 1;
      const holdMs = this.spread(this.orders.holdMs);
      this.heldMs += holdMs;
      this.agenda.add(holdMs, () => this.end(process));
    }
  }

  private end(process: Process): void {
    process.running -= 1;
    this.agenda.add(this.spread(this.orders.thinkMs), () => this.ask(process));
    this.serve(process);
    // What is not needed, or has served its share, goes back.
    const spare = process.leased - process.running;
    const needed = Math.min(process.waiting.length, process.budget);
    const back = Math.max(0, spare - needed);
    process.leased -= back;
    process.returning += back;
    this.call(process);
  }

  /** One call at a time; what happens meanwhile goes into the next. */
  private call(process: Process): void {
    process.isDirty = true;
    if (process.isCalling) return;
    process.isCalling = true;
    process.isDirty = false;
    const returned = process.returning;
    process.returning = 0;
    const wanted = Math.max(0, process.waiting.length - (process.leased - process.running));
    this.agenda.add(this.orders.roundTripMs / 2, () => this.arrive(process, returned, wanted));
  }

  /** The server serves one call after the other, those of the other accounts in between. */
  private arrive(process: Process, returned: number, wanted: number): void {
    const { scriptMs, permitMs, accounts, roundTripMs } = this.orders;
    const start = Math.max(this.agenda.now, this.serverFreeAt);
    const cost = (scriptMs + permitMs * returned) * accounts;
    this.serverFreeAt = start + cost;
    this.serverBusyMs += cost;
    this.calls += 1;
    this.agenda.add(this.serverFreeAt - this.agenda.now, () => {
      this.used -= returned;
      if (process.inLine === 0 && wanted > 0) {
        process.tag = Math.max(process.tag, this.virtualTime);
        process.order = this.arrivals += 1;
      }
      process.inLine = wanted;
      this.handOut(process);
      this.agenda.add(roundTripMs / 2, () => this.hear(process));
    });
  }

  /** What was handed to a process comes with the reply; what is handed to others wakes them to call. */
  private handOut(caller: Process): void {
    const { limit, roundTripMs, sessions } = this.orders;
    while (this.used < limit) {
      const next = this.first();
      if (next === undefined) return;
      this.virtualTime = Math.max(this.virtualTime, next.tag);
      next.tag += this.orders.batch / sessions;
      next.order = this.arrivals += 1;
      next.inLine -= 1;
      this.used += 1;
      this.pending.set(next, (this.pending.get(next) ?? 0) + 1);
      if (next !== caller) this.agenda.add(roundTripMs / 2, () => this.call(next));
    }
  }

  private readonly pending: Map<Process, number> = new Map();

  private first(): Process | undefined {
    let best: Process | undefined;
    for (const process of this.processes) {
      if (process.inLine === 0) continue;
      if (best === undefined || process.tag < best.tag || (process.tag === best.tag && process.order < best.order))
        best = process;
    }
    return best;
  }

  private hear(process: Process): void {
    const granted = this.pending.get(process) ?? 0;
    this.pending.delete(process);
    process.leased += granted;
    process.budget += granted * this.orders.batch;
    process.isCalling = false;
    this.serve(process);
    const spare = process.leased - process.running;
    process.leased -= spare;
    process.returning += spare;
    if (process.leased === 0) process.budget = 0;
    if (spare > 0 || process.isDirty) this.call(process);
  }

  private spread(mean: number): number {
    this.random = (this.random * 48_271) % 2_147_483_647;
    return -mean * Math.log(this.random / 2_147_483_647);
  }

  private toSight(): ScaleSight {
    const { simulatedMs, limit } = this.orders;
    const grants = this.processes.map((process) => process.grants);
    const total = grants.reduce((sum, each) => sum + each, 0);
    const squares = grants.reduce((sum, each) => sum + each * each, 0);
    const sorted = this.waits.toSorted((a, b) => a - b);
    const quantile = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
    return {
      grantsPerSecond: (total * 1000) / simulatedMs,
      callsPerGrant: this.calls / total,
      serverBusy: Math.min(1, this.serverBusyMs / simulatedMs),
      inUse: Math.min(1, this.heldMs / simulatedMs / limit),
      fairness: total ** 2 / (grants.length * squares),
      waitP50Ms: quantile(0.5),
      waitP99Ms: quantile(0.99),
    };
  }
}
