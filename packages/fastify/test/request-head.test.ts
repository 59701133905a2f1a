import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePlainRequest } from '../src/door/request-head.ts';

const parse = (text: string) => parsePlainRequest(Buffer.from(text, 'latin1'), '127.0.0.1');
const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n\r\n`;

describe('a plain request', () => {
  it('is known by its head alone', () => {
    const text = lines('POST /api/orders?x=1 HTTP/1.1', 'Host: x', 'X-Tier:  gold ', 'Content-Length: 12');
    expect(parse(`${text}{}`)).toEqual({
      head: {
        method: 'POST',
        path: '/api/orders',
        headers: { host: 'x', 'x-tier': 'gold', 'content-length': '12' },
        remoteAddress: '127.0.0.1',
      },
      length: text.length + 12,
    });
  });

  it('has headers that nobody else put there', () => {
    const { head } = parse(lines('GET / HTTP/1.1', 'Host: x', 'constructor: y')) ?? {};
    expect(Object.getPrototypeOf(head?.headers)).toBeNull();
    expect(head?.headers.constructor).toBe('y');
  });

  it.each([
    ['a head in pieces', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['no host', lines('GET / HTTP/1.1')],
    ['HTTP/1.0', lines('GET / HTTP/1.0', 'Host: x')],
    ['another form of target', lines('GET http://x/ HTTP/1.1', 'Host: x')],
    ['a target with spaces', lines('GET /a b HTTP/1.1', 'Host: x')],
    ['HEAD', lines('HEAD / HTTP/1.1', 'Host: x')],
    ['CONNECT', lines('CONNECT /x HTTP/1.1', 'Host: x')],
    ['chunks', lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked')],
    ['an upgrade', lines('GET / HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade')],
    ['an expectation', lines('POST / HTTP/1.1', 'Host: x', 'Expect: 100-continue', 'Content-Length: 1')],
    ['a connection to be closed', lines('GET / HTTP/1.1', 'Host: x', 'Connection: close')],
    ['two lengths', lines('POST / HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2')],
    ['a list of lengths', lines('POST / HTTP/1.1', 'Host: x', 'Content-Length: 1, 1')],
    ['a signed length', lines('POST / HTTP/1.1', 'Host: x', 'Content-Length: +1')],
    ['a hexadecimal length', lines('POST / HTTP/1.1', 'Host: x', 'Content-Length: 0x10')],
    ['a header twice', lines('GET / HTTP/1.1', 'Host: x', 'Accept: a', 'accept: b')],
    ['a space before the colon', lines('GET / HTTP/1.1', 'Host: x', 'Content-Length : 5')],
    ['a folded header', lines('GET / HTTP/1.1', 'Host: x', 'Accept: a', ' b: c')],
    ['a bare line feed', lines('GET / HTTP/1.1', 'Host: x\nContent-Length: 5')],
    ['a bare carriage return', lines('GET / HTTP/1.1', 'Host: x\rContent-Length: 5')],
    ['a NUL', lines('GET / HTTP/1.1', 'Host: x\0')],
    ['a byte above ASCII', lines('GET / HTTP/1.1', 'Host: x', 'Accept: \xe9')],
    ['a line without a colon', lines('GET / HTTP/1.1', 'Host: x', 'Accept')],
    ['a name that is no plain one', lines('GET / HTTP/1.1', 'Host: x', '__proto__: y')],
    ['more headers than anybody sends', lines('GET / HTTP/1.1', 'Host: x', ...numbered(64))],
    ['a head longer than anybody sends', lines('GET / HTTP/1.1', 'Host: x', `Accept: ${'a'.repeat(9000)}`)],
  ])('it is not, with %s', (_, text) => {
    expect(parse(text)).toBeUndefined();
  });

  it('never throws, and never ends before its head does', () => {
    const piece = fc.constantFrom(
      'GET',
      'POST',
      ' ',
      '/',
      'HTTP/1.1',
      '\r\n',
      '\r\n\r\n',
      '\n',
      '\r',
      ':',
      'Host: x',
      'Content-Length: 5',
      'Content-Length',
      '5',
      '\0',
      'Transfer-Encoding: chunked',
      'a',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const plain = parse(text);
        if (plain !== undefined) expect(plain.length).toBeGreaterThanOrEqual(text.indexOf('\r\n\r\n') + 4);
      }),
      { numRuns: 2000 },
    );
  });
});

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `X-${i}: y`);
}
