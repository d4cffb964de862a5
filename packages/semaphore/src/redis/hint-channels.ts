type Listener = (message: string) => void;

/** Who listens to which channel of one connection: several semaphores may share a client. */
export class HintChannels {
  private readonly listeners: Map<string, Set<Listener>> = new Map();

  get isEmpty(): boolean {
    return this.listeners.size === 0;
  }

  /** True if the channel is new. */
  add(channel: string, listener: Listener): boolean {
    const known = this.listeners.get(channel);
    known?.add(listener);
    if (known === undefined) this.listeners.set(channel, new Set([listener]));
    return known === undefined;
  }

  /** True if nobody listens to the channel any more. */
  remove(channel: string, listener: Listener): boolean {
    const known = this.listeners.get(channel);
    known?.delete(listener);
    return known?.size === 0 && this.listeners.delete(channel);
  }

  tell(channel: string, message: string): void {
    for (const listener of this.listeners.get(channel) ?? []) listener(message);
  }
}
