import { connect, createServer, type Server, type Socket } from 'node:net';

/** A wire that can be cut: what is asked still arrives, what is answered is lost; or nothing passes at all. */
export class Proxy {
  port = 0;
  /** Answers are thrown away. */
  dropsReplies = false;
  private readonly server: Server;
  private readonly sockets: Set<Socket> = new Set();
  private isCut = false;

  constructor(target: number) {
    this.server = createServer((client) => {
      if (this.isCut) {
        client.destroy();
        return;
      }
      const upstream = connect(target, '127.0.0.1');
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.on('data', (data) => upstream.write(data));
      upstream.on('data', (data) => {
        if (!this.dropsReplies) client.write(data);
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    const address = this.server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  /** Ends every connection; a reader that missed part of a stream cannot go on with it. */
  reset(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Lets nothing pass until mended. */
  cut(): void {
    this.isCut = true;
    this.reset();
  }

  mend(): void {
    this.isCut = false;
    this.dropsReplies = false;
    this.reset();
  }

  close(): void {
    this.reset();
    this.server.close();
  }
}
