import { isIP } from "node:net";
import { connect } from "node:tls";
import { hostOf } from "./address.ts";
import { answerReader, type AnswerRead, type WholeAnswer } from "./answer-reader.ts";
import { errorName } from "./errors.ts";
import { httpDate } from "./http-date.ts";
import { sharedLookUp } from "./look-up.ts";
import { PostError, type PostFailure } from "./post-error.ts";
import { trusting } from "./trusting.ts";

export interface TlsPost {
  /** With the scheme https, and without a query. */
  readonly url: string;
  /** Beside those that every request has. Names and values are sent as they are. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** PEM certificates that are trusted in place of Node's roots. */
  readonly ca: string;
  /** For the whole call, from the look-up of the name to the last byte. */
  readonly timeoutMs: number;
  /** For the look-up and the connection. */
  readonly connectMs: number;
}

const lookup = sharedLookUp();

/**
 * One POST to a program of podrole's, on a connection of its own, within limits of time and size: no redirects, no second attempt, no
 * proxy. When it is over, neither socket nor timer is left. Not node:https: its modules are 0.25 MB and 10 ms of a pod that needs them
 * for nothing else.
 * @param onDate called with the header `Date`, in milliseconds since the epoch
 * @throws PostError
 */
export function tlsPost(
  { url, headers, body, ca, timeoutMs, connectMs }: TlsPost,
  onDate: (epochMs: number) => void,
): Promise<WholeAnswer> {
  const { port } = new URL(url);
  const host = hostOf(url);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      // RFC 6066 knows no addresses as names.
      servername: isIP(host) === 0 ? host : "",
      lookup,
      ...trusting([ca]),
    });
    const read = answerReader();
    let seen: AnswerRead | undefined;
    const over = (): void => {
      clearTimeout(whole);
      clearTimeout(connecting);
      socket.destroy();
    };
    const fail = (failure: PostFailure): void => {
      reject(new PostError(failure));
      over();
    };
    const late = (afterMs: number): NodeJS.Timeout =>
      setTimeout(() => fail({ kind: "late", afterMs, at: "origin" }), afterMs);
    const whole = late(timeoutMs);
    const connecting = late(connectMs);
    const cut = (why: string): void =>
      fail(
        seen === undefined ? { kind: "unreachable", why } : { kind: "invalid-answer", status: seen.status },
      );
    socket
      .once("connect", () => clearTimeout(connecting))
      .once("secureConnect", () => socket.write(requestText(url, headers, body)))
      .on("data", (bytes: Buffer) => {
        seen = read(bytes);
        if (seen.kind === "invalid") return fail({ kind: "invalid-answer", status: seen.status });
        if (seen.kind === "part") return;
        const date = httpDate(seen.headers["date"]);
        if (date !== undefined) onDate(date);
        resolve(seen);
        over();
      })
      // Not once: destroying the socket may make it report another error.
      .on("error", (error) => cut(errorName(error)))
      .once("close", () => cut("ECONNRESET"));
  });
}

function requestText(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  const { host, pathname } = new URL(url);
  const all = { host, connection: "close", "content-length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}
