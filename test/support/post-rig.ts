import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createTcp, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import { PostError, type PostFailure } from "../../sidecar/kit/post-error.ts";
import type { Trusted } from "../../sidecar/kit/trusting.ts";
import { post, type Answer } from "../../sidecar/kit/post.ts";
import { listening } from "./listening.ts";

const HEADERS = { "content-type": "application/x-www-form-urlencoded" };

interface Asked {
  readonly timeoutMs?: number;
  readonly ca?: Trusted;
  readonly onDate?: (epochMs: number) => void;
}

/** The answer, or why there is none; the process then has no timer more than before. */
export async function ask(origin: string, asked: Asked = {}): Promise<Answer | PostFailure> {
  const { timeoutMs = 5000, ca, onDate = () => {} } = asked;
  const before = timers();
  const outcome = await post(
    {
      url: origin,
      headers: HEADERS,
      body: "Action=AssumeRole",
      timeoutMs,
      connectMs: timeoutMs,
      ...(ca && { ca }),
    },
    onDate,
  ).catch((error: unknown) => {
    if (error instanceof PostError) return error.failure;
    throw error;
  });
  // The test runner may have had one more.
  expect(timers()).toBeLessThanOrEqual(before);
  return outcome;
}

const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;

/** A server that writes these bytes when it is asked, and does no more; or what `then` says. */
export async function raw(bytes: string, then: (socket: Socket) => void = () => {}): Promise<string> {
  const server = createTcp((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(bytes);
      then(socket);
    });
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${await listening(server)}`;
}

/** A server on 127.0.0.1, or on another address. */
export async function http(listener: RequestListener, host?: string): Promise<string> {
  const server = createHttp(listener);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const port = await listening(server, host);
  return host === undefined ? `http://127.0.0.1:${port}` : `http://[${host}]:${port}`;
}
