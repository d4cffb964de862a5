import { noFrames, type CallEnd, type Driver } from './driver.ts';
import { LoadTestError } from './load-test-error.ts';
import { PromiseConnection, endOfRejection } from './promise-connection.ts';

/** How an MCP server is reached over Streamable HTTP. */
export interface McpOptions {
  url: string;
  /** Sent as a bearer token. */
  token?: string;
}

/**
 * Calls tools of an MCP server, one MCP session per session of the load.
 *
 * Needs the optional peer `@modelcontextprotocol/client`. @throws LoadTestError MISSING_PEER at the first connection without it
 */
export function mcp(options: McpOptions): Driver {
  const wire = noFrames();
  return {
    kind: 'mcp',
    wire,
    info: () => ({ kind: 'mcp', url: options.url }),
    async connect(session) {
      wire.connectsTried += 1;
      const { Client, StreamableHTTPClientTransport } = await loadPeer();
      const client = new Client({ name: 'exai-loadtest', version: '1' });
      const headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
      try {
        await client.connect(new StreamableHTTPClientTransport(new URL(options.url), { requestInit: { headers } }));
      } catch (error) {
        wire.connectsFailed += 1;
        const reason = error instanceof Error ? error.message : String(error);
        throw new LoadTestError('UNREACHABLE', `session ${session} could not connect to ${options.url}: ${reason}`, {
          cause: error,
        });
      }
      wire.connectsOpened += 1;
      return new PromiseConnection(
        async (call, signal, sink) => {
          wire.framesSent += 1;
          const end = await client
            .callTool(
              { name: call.tool, arguments: { ...call.arguments } },
              { signal, timeout: Math.ceil(call.deadlineMs * 2), onprogress: () => sink.event() },
            )
            .then(endOfToolResult, endOfMcpFailure);
          wire.framesReceived += 1;
          return end;
        },
        () => client.close(),
      );
    },
  };
}

async function loadPeer(): Promise<typeof import('@modelcontextprotocol/client')> {
  try {
    return await import('@modelcontextprotocol/client');
  } catch (error) {
    throw new LoadTestError('MISSING_PEER', 'the mcp driver needs the package @modelcontextprotocol/client', {
      cause: error,
    });
  }
}

/** A tool's own failure is a result with `isError`; its text names the code when the server is one of ours. */
function endOfToolResult({
  isError,
  content,
}: {
  isError?: boolean | undefined;
  content: readonly unknown[];
}): CallEnd {
  if (isError !== true) return { outcome: 'ok' };
  const text = JSON.stringify(content);
  const code =
    /\b(OVER_CAPACITY|QUEUE_TIMEOUT|RATE_LIMITED|SERVER_DRAINING|CIRCUIT_OPEN|DEADLINE_EXCEEDED|CANCELLED)\b/.exec(
      text,
    )?.[1];
  return code === undefined ? { outcome: 'tool_error', code: 'IS_ERROR' } : { ...endOfRejection({ code }) };
}

function endOfMcpFailure(error: unknown): CallEnd {
  const message = error instanceof Error ? error.message : String(error);
  if (/fetch failed|ECONNREFUSED|socket|terminated/i.test(message)) return { outcome: 'closed', code: 'CONNECTION' };
  return { outcome: 'tool_error', code: error instanceof Error ? error.name : 'REJECTED' };
}
