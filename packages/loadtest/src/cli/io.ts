/** What the command line needs of its surroundings, so that tests can stand in for a terminal. */
export interface CliIo {
  /** One or more lines for people, on standard output. */
  out(text: string): void;
  err(text: string): void;
  /** Where a live view may be drawn; absent when nobody watches. */
  terminal?: NodeJS.WriteStream;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Called with the handler of Ctrl-C; returns how to take it back. */
  onInterrupt(handler: () => void): () => void;
}

/** The surroundings of a real process. Output that nobody reads any more, as behind `| head`, is dropped, and the run goes on. */
export function processIo(): CliIo {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  const isWatched = process.stderr.isTTY && process.env['CI'] === undefined;
  return {
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    ...(isWatched && { terminal: process.stderr }),
    env: process.env,
    cwd: process.cwd(),
    onInterrupt(handler) {
      process.on('SIGINT', handler);
      process.on('SIGTERM', handler);
      return () => {
        process.off('SIGINT', handler);
        process.off('SIGTERM', handler);
      };
    },
  };
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
