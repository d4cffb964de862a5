/** Name of the protocol: the WebSocket subprotocol, and `version` of `hello` and `welcome`. */
export const PROTOCOL = 'exai.v1';

/** The suffix the system replaced put on tool names; a call may carry it. */
export const TOOL_SUFFIX = '_EXAI-WS';

/** Longest deadline a call may ask for, in milliseconds. */
export const MAX_DEADLINE_MS = 3_600_000;
