/** What must be known about a request before it is sent. */
export interface Outgoing {
  /** Host and port; undefined if `fetch` cannot send the request, which is its caller's mistake. */
  readonly host: string | undefined;
  /** Its headers, in a copy. */
  readonly headers: Headers;
  /** The signal with which its caller cancels it. */
  readonly signal: AbortSignal | undefined;
  /** Whether it may and can be sent again. */
  readonly repeatable: boolean;
}

/** RFC 9110, section 9.2.2, without what `fetch` does not send. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Bodies that can be read more than once, by their tag: classes differ between copies of `fetch`. */
const REPLAYABLE = new Set(['String', 'ArrayBuffer', 'Blob', 'File', 'FormData', 'URLSearchParams']);

function isReplayable(body: unknown): boolean {
  if (body === null || body === undefined || ArrayBuffer.isView(body)) return true;
  return REPLAYABLE.has(Object.prototype.toString.call(body).slice(8, -1));
}

/** Returns the host of a URL that goes over the network; undefined for any other. */
function hostOf(url: string): string | undefined {
  try {
    const { protocol, host } = new URL(url, globalThis.location?.href);
    return protocol === 'http:' || protocol === 'https:' ? host : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns whether `fetch` accepts the request: it rejects a GET with a body, an unknown method, credentials in the URL and so
 * on with the same TypeError as a broken connection. Neither the body nor the signal is touched.
 */
function isSendable(url: string, init: RequestInit): boolean {
  const { body, signal, ...rest } = init;
  const standIn = isReplayable(body) ? '' : new ReadableStream();
  try {
    new Request(url, body === null || body === undefined ? rest : { ...rest, body: standIn });
    return true;
  } catch {
    return false;
  }
}

/** Reads a request without touching its body. @throws TypeError for malformed headers. */
export function describeRequest(input: string | URL | Request, init: RequestInit): Outgoing {
  const request = typeof input === 'object' && 'method' in input ? input : undefined;
  const url = request?.url ?? String(input);
  const headers = new Headers(init.headers ?? request?.headers);
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
  const isBodyless = method === 'GET' || method === 'HEAD';
  const isMistake = !isSendable(url, { ...init, method });
  const host = isMistake ? undefined : hostOf(url);
  // The body of a Request is a stream, which can be sent once.
  const replayable = isReplayable(init.body ?? (isBodyless ? null : request?.body));
  const harmless = IDEMPOTENT.has(method) || (headers.get('idempotency-key') ?? '') !== '';
  const signal = init.signal === undefined ? request?.signal : (init.signal ?? undefined);
  return { host, headers, signal, repeatable: host !== undefined && harmless && replayable };
}
