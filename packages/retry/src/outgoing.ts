/** What must be known of a request before it is sent. */
export interface Outgoing {
  /** Host and port; undefined if the address makes no sense, which `fetch` will say better. */
  readonly host: string | undefined;
  /** Its own, to be changed by nobody. */
  readonly headers: Headers;
  /** What the caller cancels it with. */
  readonly signal: AbortSignal | undefined;
  /** Whether sending it again does no harm and is possible. */
  readonly repeatable: boolean;
}

/** RFC 9110, section 9.2.2, without what `fetch` does not send. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Bodies that can be read more than once. By their tag: classes differ between copies of `fetch`. */
const REPLAYABLE = new Set(['String', 'ArrayBuffer', 'Blob', 'File', 'FormData', 'URLSearchParams']);

function isReplayable(body: unknown): boolean {
  if (body === null || body === undefined || ArrayBuffer.isView(body)) return true;
  return REPLAYABLE.has(Object.prototype.toString.call(body).slice(8, -1));
}

function hostOf(url: string): string | undefined {
  try {
    return new URL(url, globalThis.location?.href).host;
  } catch {
    return undefined;
  }
}

/** Reads a request without touching its body. @throws TypeError for headers that make no sense. */
export function describe(input: string | URL | Request, init: RequestInit): Outgoing {
  const request = typeof input === 'object' && 'method' in input ? input : undefined;
  const headers = new Headers(init.headers ?? request?.headers);
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
  const host = hostOf(request?.url ?? String(input));
  // The body of a Request is a stream, which can be sent once.
  const replayable = isReplayable(
    init.body ?? (method === 'GET' || method === 'HEAD' ? null : request?.body),
  );
  const harmless = IDEMPOTENT.has(method) || (headers.get('idempotency-key') ?? '') !== '';
  const signal = init.signal === undefined ? request?.signal : (init.signal ?? undefined);
  return { host, headers, signal, repeatable: host !== undefined && harmless && replayable };
}
