import { createServer, type Server } from 'node:net';

const BODY = '{"error":"Service overloaded","retryAfter":1}';
const RESPONSE = [
  'HTTP/1.1 503 Service Unavailable',
  'content-type: application/json; charset=utf-8',
  'retry-after: 1',
  `content-length: ${BODY.length}`,
  'connection: keep-alive',
  '',
  BODY,
].join('\r\n');

/** The cheapest possible rejection: parses nothing and writes the same response to every packet. */
export function constant(): Server {
  return createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(RESPONSE, 'latin1'));
  });
}
