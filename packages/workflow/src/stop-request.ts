/** The reason with which a run's signal fires. */
export interface StopRequest {
  readonly kind: 'canceled' | 'deadline';
  readonly by: string;
}

/** What fired a run's signal. */
export function stopRequestOf(signal: AbortSignal): StopRequest {
  const reason: unknown = signal.reason;
  if (isStopRequest(reason)) return reason;
  return { kind: 'canceled', by: describe(reason) };
}

function isStopRequest(reason: unknown): reason is StopRequest {
  return typeof reason === 'object' && reason !== null && 'kind' in reason && 'by' in reason;
}

function describe(reason: unknown): string {
  if (typeof reason === 'string') return reason;
  return reason instanceof Error ? reason.message : 'signal';
}
