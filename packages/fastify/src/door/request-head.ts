/** What a request says of itself before its body: as it came, with nothing proved. */
export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** By name in lower case; each occurred once. The object has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string | undefined;
}

/** A request that is plain enough to be answered without Node's parser. */
export interface PlainRequest {
  readonly head: RequestHead;
  /** Bytes of head and body. */
  readonly length: number;
}

export const MAX_HEAD_BYTES = 8192;
const MAX_HEADERS = 64;

// Sticky: each must begin where the one before ended. Other line breaks than CRLF, and bytes that no plain head has, end none.
const REQUEST_LINE = /([A-Z]{3,10}) (\/[!-~]{0,2000}) HTTP\/1\.1(?=\r\n)/y;
const HEADER = /\r\n([A-Za-z0-9-]+):([\t\x20-\x7e]*)/y;
const LENGTH = /^\d{1,9}$/;

/** Headers that change how a message is framed or what its connection becomes: Node must see these. */
const NOT_PLAIN = [
  'transfer-encoding',
  'upgrade',
  'expect',
  'trailer',
  'http2-settings',
  'proxy-connection',
] as const;

/**
 * The request that begins with the first byte of `chunk`; undefined if its head is not whole, or if anything about it
 * leaves room for two opinions on where it ends. Parsers that disagree are how requests are smuggled, so what is
 * not beyond doubt (a header twice, a length that is no plain number, a bare line feed) is left to Node's.
 */
export function parsePlainRequest(
  chunk: Buffer,
  remoteAddress: string | undefined,
): PlainRequest | undefined {
  const end = chunk.subarray(0, MAX_HEAD_BYTES).indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const text = chunk.toString('latin1', 0, end);
  REQUEST_LINE.lastIndex = 0;
  const line = REQUEST_LINE.exec(text);
  const headers = line === null ? undefined : parseHeaders(text, REQUEST_LINE.lastIndex);
  if (line === null || headers === undefined) return undefined;
  const method = line[1] as string;
  const target = line[2] as string;
  const bodyLength = plainBodyLength(method, headers);
  if (bodyLength === undefined) return undefined;
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return { head: { method, path, headers, remoteAddress }, length: end + 4 + bodyLength };
}

function parseHeaders(text: string, from: number): Record<string, string> | undefined {
  const headers: Record<string, string> = Object.create(null);
  let at = from;
  for (let count = 0; at < text.length; count++) {
    HEADER.lastIndex = at;
    const match = HEADER.exec(text);
    if (match === null || count === MAX_HEADERS) return undefined;
    const name = (match[1] as string).toLowerCase();
    if (headers[name] !== undefined) return undefined;
    headers[name] = (match[2] as string).trim();
    at = HEADER.lastIndex;
  }
  return headers;
}

function plainBodyLength(method: string, headers: Readonly<Record<string, string>>): number | undefined {
  const { connection = 'keep-alive', 'content-length': length = '0' } = headers;
  if (connection.toLowerCase() !== 'keep-alive' || !headers.host || !LENGTH.test(length)) return undefined;
  if (method === 'CONNECT' || method === 'HEAD') return undefined;
  for (const name of NOT_PLAIN) if (headers[name] !== undefined) return undefined;
  return Number(length);
}
