/** Sends one command as its words. */
export type SendCommand = (words: string[]) => Promise<unknown>;

/** Runs scripts by their digest, and by their text where Redis does not know them, as after a restart. */
export class ScriptCaller {
  private readonly send: SendCommand;
  private readonly digests: Map<string, string> = new Map();

  constructor(send: SendCommand) {
    this.send = send;
  }

  async eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    const digest = this.digests.get(script) ?? (await this.load(script));
    try {
      return await this.send(['EVALSHA', digest, ...rest]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.send(['EVAL', script, ...rest]);
    }
  }

  private async load(script: string): Promise<string> {
    const digest = String(await this.send(['SCRIPT', 'LOAD', script]));
    this.digests.set(script, digest);
    return digest;
  }
}
