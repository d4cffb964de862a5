import { HintChannels } from './hint-channels.ts';
import type { RedisPort } from './redis-port.ts';
import { ScriptCaller } from './script-caller.ts';

/** The part of a client of `ioredis` 5 or 6, or of `iovalkey`, that is used. */
export interface IoredisClient {
  call(command: string, ...words: string[]): Promise<unknown>;
  duplicate(): IoredisSubscriber;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

/** The connection of its own that listens. */
export interface IoredisSubscriber {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

/**
 * Adapts a client of `ioredis`. Listens on a duplicate, which it ends itself; never closes your client. Adds an `error`
 * listener to it, since a client without one prints every lost connection.
 */
export function fromIoredis(client: IoredisClient): RedisPort {
  client.on('error', ignore);
  const caller = new ScriptCaller(([command = '', ...words]) => client.call(command, ...words));
  const channels = new HintChannels();
  let subscriber: IoredisSubscriber | undefined;
  const open = (): IoredisSubscriber => {
    const own = client.duplicate();
    own.on('error', ignore);
    own.on('message', (channel, message) => channels.tell(channel, message));
    return own;
  };
  return {
    eval: (script, keys, args) => caller.eval(script, keys, args),
    info: async (section) => String(await client.call('INFO', section)),
    async subscribe(channel, listener) {
      const isNew = channels.add(channel, listener);
      const own = (subscriber ??= open());
      if (isNew) await own.subscribe(channel);
    },
    async unsubscribe(channel, listener) {
      const isLast = channels.remove(channel, listener);
      const own = subscriber;
      if (channels.isEmpty) subscriber = undefined;
      if (channels.isEmpty) own?.disconnect();
      else if (isLast) await own?.unsubscribe(channel);
    },
  };
}

function ignore(): void {
  // A lost connection shows as failed calls.
}
