/** The permits a flow of control holds by `run` or `runStream`, innermost first. Ids, never permits. */
export interface FlowNode {
  readonly id: number;
  readonly outer: FlowNode | undefined;
}

/** The part of Node's AsyncLocalStorage that is used. */
export interface FlowContext {
  getStore(): FlowNode | undefined;
  run<T>(store: FlowNode, task: () => T): T;
}

/** A context that follows asynchronous calls, or undefined where the host has none. */
export function createFlowContext(): FlowContext | undefined {
  // Without a static import, so that the package bundles for a browser.
  const hooks = globalThis.process?.getBuiltinModule?.('node:async_hooks');
  return hooks === undefined ? undefined : new hooks.AsyncLocalStorage<FlowNode>();
}
