/** What the shared semaphore needs of a Redis client. Four methods, so that an adapter for another client is short. */
export interface RedisPort {
  /** Runs a Lua script with its keys and arguments and resolves with its reply. Rejects when Redis cannot be reached. */
  eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Listens to a channel on a connection of its own, also after that has been lost and made again. */
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** Stops a listener; with the last one the connection of its own ends. */
  unsubscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** One section of `INFO`, as Redis prints it. */
  info(section: string): Promise<string>;
}
