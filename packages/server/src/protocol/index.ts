export { Ack, Call, CallId, Cancel, ClientFrame, Health, Hello, ListTools, Ping, Subscribe } from './client-frames.ts';
export type { ClientFrameInput } from './client-frames.ts';
export { CloseCode, ErrorCode, WireError } from './error-code.ts';
export { MAX_DEADLINE_MS, PROTOCOL, TOOL_SUFFIX } from './limits.ts';
export {
  Accepted,
  Chunk,
  ErrorFrame,
  GoAway,
  HealthReport,
  Pong,
  Progress,
  Result,
  ServerFrame,
  SnapshotFrame,
  ToolInfo,
  Tools,
  UsageReport,
  Welcome,
} from './server-frames.ts';
export {
  CallSnapshot,
  HolderSnapshot,
  NoteSnapshot,
  RunSnapshot,
  SessionSnapshot,
  Snapshot,
  TierSnapshot,
} from './snapshot.ts';
export { StopReason } from './stop-reason.ts';
