/**
 * Ways in which the stub misbehaves, each one that real servers have shown.
 *
 * `refuse` every call with `OVER_CAPACITY` · `error` every call with `PROVIDER_ERROR` · `hang` accepts and never answers ·
 * `silent` does not even accept · `timeout` answers `DEADLINE_EXCEEDED` at the deadline · `double_reply` answers twice ·
 * `late_reply` answers after the client gave up · `close` ends the connection with 1011 under each call · `garbage` sends no
 * JSON · `stopped` ends a workflow for want of progress · `no_permits` works without asking for a permit.
 */
export const STUB_MODES = [
  'none',
  'refuse',
  'error',
  'hang',
  'silent',
  'timeout',
  'double_reply',
  'late_reply',
  'close',
  'garbage',
  'stopped',
  'no_permits',
] as const;

/** See {@link STUB_MODES}. */
export type StubMode = (typeof STUB_MODES)[number];

/** True for a name of {@link STUB_MODES}. */
export function isStubMode(value: unknown): value is StubMode {
  return STUB_MODES.some((mode) => mode === value);
}
