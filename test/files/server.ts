// A web server for tests that serves one file and misbehaves as told.
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Behaviour {
  /** Cut every connection before an answer. */
  dead?: boolean;
  /** Cut the connection after so many bytes of each answer. */
  cutAfter?: number;
  ignoreRange?: boolean;
  status?: number;
  /** Send the first bytes and then nothing. */
  hang?: 'at-once' | 'after-some-bytes';
  etag?: string;
  redirect?: boolean;
}

export interface TestServer {
  url: string;
  requests: http.IncomingHttpHeaders[];
  behaviour: Behaviour;
  content: Buffer;
  close(): Promise<void>;
}

export const md5 = (data: Buffer) => createHash('md5').update(data).digest('hex');
export const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

export async function serve(content: Buffer): Promise<TestServer> {
  const server = http.createServer((request, response) => {
    const { behaviour } = state;
    state.requests.push(request.headers);
    if (behaviour.redirect && request.url === '/file') {
      response.writeHead(302, { location: '/moved' }).end();
      return;
    }
    if (behaviour.hang === 'at-once') return;
    if (behaviour.status) {
      response.writeHead(behaviour.status).end('no');
      return;
    }
    const etag = behaviour.etag ?? `"${md5(state.content)}"`;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const honoured = range && !behaviour.ignoreRange && request.headers['if-range'] === etag;
    const start = honoured ? Number(range[1]) : 0;
    if (behaviour.dead) {
      request.socket.destroy();
      return;
    }
    const body = state.content.subarray(start);
    response.writeHead(honoured ? 206 : 200, {
      etag,
      'content-length': body.length,
      ...(honoured && {
        'content-range': `bytes ${start}-${state.content.length - 1}/${state.content.length}`,
      }),
    });
    const cut = behaviour.hang === 'after-some-bytes' ? 1000 : behaviour.cutAfter;
    if (cut === undefined || cut >= body.length) {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, cut), () => {
      // The bytes should have been read before the connection goes, on a busy machine too.
      if (!behaviour.hang) setTimeout(() => response.destroy(), 150);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const state: TestServer = {
    url: `http://127.0.0.1:${port}/file`,
    requests: [],
    behaviour: {},
    content,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return state;
}
