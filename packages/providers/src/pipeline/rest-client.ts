import { Failure } from '../chat/failure.ts';
import { type ErrorClass, ProviderError } from '../chat/provider-error.ts';
import { isRecord, parseJson } from '../json-value.ts';
import type { Clock } from '../timeouts/clock.ts';
import type { ErrorInput } from '../wire/dialect.ts';
import { isErrorBody } from '../wire/read-chunk.ts';
import { abortable, linkSignals } from './abortable.ts';
import type { SignedHeaders } from './endpoint.ts';
import type { HttpTransport } from './http-transport.ts';
import { joinUrl } from './join-url.ts';
import { redact } from './redact.ts';

/** One request outside the chat. */
export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly json?: unknown;
  readonly form?: FormData;
  readonly signal?: AbortSignal | undefined;
  /** @defaultValue 60_000; 300_000 for a form */
  readonly timeoutMs?: number;
  /** Texts that must not appear in an error. */
  readonly prompts?: readonly string[];
}

/** What a {@link RestClient} talks to. */
export interface RestTarget {
  readonly provider: string;
  readonly baseURL: string;
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly sign: () => Promise<SignedHeaders>;
  readonly toError: (input: ErrorInput) => ErrorClass;
}

const TIMEOUT_MS = 60_000;
const UPLOAD_TIMEOUT_MS = 300_000;

/** The requests that are no chat: files, balances, token counts. They take no permit and are not retried. */
export class RestClient {
  readonly #target: RestTarget;

  constructor(target: RestTarget) {
    this.#target = target;
  }

  /** The parsed body. @throws ProviderError */
  async json(request: RestRequest): Promise<unknown> {
    const text = await this.text(request);
    return parseJson(text) ?? text;
  }

  /** The body as it is. @throws ProviderError */
  async text(request: RestRequest): Promise<string> {
    const { clock, provider } = this.#target;
    const timer = new AbortController();
    const timeoutMs = request.timeoutMs ?? (request.form === undefined ? TIMEOUT_MS : UPLOAD_TIMEOUT_MS);
    const cancel = clock.after(timeoutMs, () => timer.abort(new Failure(timedOut(request.path, timeoutMs))));
    const link = linkSignals([request.signal, timer.signal]);
    let secrets: readonly string[] = [];
    try {
      const signed = await this.#target.sign();
      secrets = signed.secrets;
      return await this.#send(request, signed, link.signal);
    } catch (error) {
      const { error: failed, cause } = toFailure(error, { request, timer: timer.signal });
      const message = redact(failed.message, secrets, request.prompts ?? []);
      throw new ProviderError({ ...failed, message }, { provider, model: '', cause });
    } finally {
      link.unlink();
      cancel();
    }
  }

  async #send(request: RestRequest, signed: SignedHeaders, signal: AbortSignal): Promise<string> {
    const { transport, baseURL } = this.#target;
    const { headers, body: payload } = await encode(request, signed.headers);
    const response = await abortable(
      transport.fetch(joinUrl(baseURL, request.path), {
        method: request.method,
        signal,
        headers,
        ...(payload !== undefined && { body: payload }),
      }),
      signal,
    );
    const text = await abortable(response.text(), signal);
    const body = parseJson(text);
    if (response.ok && !(isRecord(body) && saysError(body))) return text;
    throw new Failure(
      this.#target.toError({
        status: response.status,
        body: body ?? text,
        headers: response.headers,
        now: this.#target.clock.epoch(),
      }),
    );
  }
}

/**
 * Headers and body of a request. A form is encoded here, since a fetch of another package does not know the global
 * `FormData`.
 */
async function encode(
  { json, form }: RestRequest,
  signed: SignedHeaders['headers'],
): Promise<{ headers: Readonly<Record<string, string>>; body?: string | ArrayBuffer }> {
  if (json !== undefined) return { headers: signed, body: JSON.stringify(json) };
  const { 'content-type': _, ...headers } = signed;
  if (form === undefined) return { headers };
  const encoded = new Response(form);
  return {
    headers: { ...headers, 'content-type': encoded.headers.get('content-type') ?? 'multipart/form-data' },
    body: await encoded.arrayBuffer(),
  };
}

/** Bodies outside the chat carry `code: 0` or `code: 200` beside their data when all is well. */
function saysError(body: Readonly<Record<string, unknown>>): boolean {
  return !('data' in body) && !('object' in body) && !('id' in body) && isErrorBody(body) && !isGoodCode(body['code']);
}

function isGoodCode(code: unknown): boolean {
  return code === 0 || code === 200;
}

function toFailure(
  error: unknown,
  { request, timer }: { request: RestRequest; timer: AbortSignal },
): { error: ErrorClass; cause?: unknown } {
  if (error instanceof Failure) return { error: error.error, cause: error.cause };
  if (timer.aborted && timer.reason instanceof Failure) return { error: timer.reason.error };
  if (request.signal?.aborted === true) {
    return { error: Failure.aborted(request.signal.reason).error, cause: request.signal.reason };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { error: { code: 'NETWORK', retryable: true, message: `the connection failed: ${message}` }, cause: error };
}

function timedOut(path: string, ms: number): ErrorClass {
  const message = `no answer from ${path} within ${ms} ms`;
  const timeout = { phase: 'total', budgetMs: ms, elapsedMs: ms, source: 'fixed' } as const;
  return { code: 'TIMEOUT', retryable: true, message, timeout };
}
