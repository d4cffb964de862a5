import { HintChannels } from './hint-channels.ts';
import type { RedisPort } from './redis-port.ts';
import { ScriptCaller } from './script-caller.ts';

/** The part of a client of `redis` 5 or 6 that is used. */
export interface NodeRedisClient {
  sendCommand(words: string[]): Promise<unknown>;
  duplicate(): NodeRedisSubscriber;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

/** The connection of its own that listens. */
export interface NodeRedisSubscriber {
  connect(): Promise<unknown>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  destroy(): void;
}

/**
 * Adapts a connected client of `redis` (node-redis). Listens on a duplicate, which it ends itself; never closes your client.
 * Adds an `error` listener to it, since a client without one ends the process at a lost connection.
 */
export function fromRedis(client: NodeRedisClient): RedisPort {
  client.on('error', ignore);
  const caller = new ScriptCaller((words) => client.sendCommand(words));
  const channels = new HintChannels();
  let subscriber: Promise<NodeRedisSubscriber> | undefined;
  const open = async (): Promise<NodeRedisSubscriber> => {
    const own = client.duplicate();
    own.on('error', ignore);
    await own.connect();
    return own;
  };
  return {
    eval: (script, keys, args) => caller.eval(script, keys, args),
    info: async (section) => String(await client.sendCommand(['INFO', section])),
    async subscribe(channel, listener) {
      const isNew = channels.add(channel, listener);
      const own = await (subscriber ??= open());
      if (isNew) await own.subscribe(channel, (message) => channels.tell(channel, message));
    },
    async unsubscribe(channel, listener) {
      const isLast = channels.remove(channel, listener);
      const own = subscriber;
      if (channels.isEmpty) subscriber = undefined;
      if (channels.isEmpty) (await own)?.destroy();
      else if (isLast) await (await own)?.unsubscribe(channel);
    },
  };
}

function ignore(): void {
  // A lost connection shows as failed calls.
}
