import { at, isRecord, listOf, numberOf, textOf } from '../json-value.ts';
import type { RestClient } from './rest-client.ts';

/** A file the provider keeps. */
export interface FileInfo {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly purpose: string;
  /** Epoch milliseconds. */
  readonly createdAt?: number;
  readonly status?: string;
}

/** What is uploaded. */
export interface FileUpload {
  readonly name: string;
  readonly data: Blob | Uint8Array | string;
  /** @defaultValue Kimi `file-extract`, GLM `agent` */
  readonly purpose?: string;
  readonly signal?: AbortSignal;
}

/** The files of an account. Every method throws `ProviderError`; none takes a permit. */
export interface Files {
  upload(file: FileUpload): Promise<FileInfo>;
  list(): Promise<FileInfo[]>;
  /** The stored content, as text. */
  content(id: string): Promise<string>;
  delete(id: string): Promise<void>;
}

/** Most a file may have: 100 MB, the limit of both providers. */
const MOST_BYTES = 100 * 1024 * 1024;

/** Files below `/files` of an API. */
export function createFiles(rest: RestClient, defaultPurpose: string): Files {
  return {
    upload: async ({ name, data, purpose = defaultPurpose, signal }) => {
      const blob = data instanceof Blob ? data : new Blob([typeof data === 'string' ? data : new Uint8Array(data)]);
      if (blob.size === 0 || blob.size > MOST_BYTES) {
        throw new RangeError(`data must have 1 to ${MOST_BYTES} bytes, got ${blob.size}`);
      }
      const form = new FormData();
      form.set('purpose', purpose);
      form.set('file', blob, name);
      return toFile(await rest.json({ method: 'POST', path: '/files', form, signal }));
    },
    list: async () => listOf(at(await rest.json({ method: 'GET', path: '/files' }), 'data')).map(toFile),
    content: (id) => rest.text({ method: 'GET', path: `/files/${encodeURIComponent(id)}/content` }),
    delete: async (id) => {
      await rest.text({ method: 'DELETE', path: `/files/${encodeURIComponent(id)}` });
    },
  };
}

function toFile(value: unknown): FileInfo {
  const file = isRecord(value) ? value : {};
  const createdAt = numberOf(file['created_at']);
  const status = textOf(file['status']);
  return {
    id: textOf(file['id']) ?? '',
    name: textOf(file['filename']) ?? '',
    bytes: numberOf(file['bytes']) ?? 0,
    purpose: textOf(file['purpose']) ?? '',
    ...(createdAt !== undefined && { createdAt: createdAt * 1000 }),
    ...(status !== undefined && { status }),
  };
}
