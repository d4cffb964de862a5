/** Answers a request that never reached MCP with a JSON-RPC error and an HTTP status. */
export function rpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}
