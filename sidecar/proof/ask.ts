import { connect, type Socket } from "node:net";
import { systemClock } from "../kit/clock.ts";
import { systemCode } from "../kit/errors.ts";
import type { Question } from "./questions.ts";
import { statusLineReader, type StatusLine } from "./status-line.ts";
import type { Place } from "./verdict.ts";

/** How one try ended. */
export type Outcome =
  /** There was no connection. `code` is the errno's name. */
  | { readonly kind: "refused"; readonly code: string }
  /** There was no connection when the time was over. */
  | { readonly kind: "silent" }
  /** The other end closed or reset the connection without a byte. */
  | { readonly kind: "closed" }
  /** This end could not go on. */
  | { readonly kind: "failed"; readonly code: string }
  /** There was no byte when the time was over, `ms` after the question. */
  | { readonly kind: "unanswered"; readonly ms: number }
  | { readonly kind: "answered"; readonly line: StatusLine };

export interface Try {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Connects anew if there is no connection yet. */
  readonly again: () => void;
  /** The time is over. */
  readonly end: () => void;
}

/** Enough for a status line in one read. */
const READ_BYTES = 64;
/** Also in place of a connection: it was open, and reset before this process looked. A connection that never opens is ECONNREFUSED. */
const CLOSED: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

/**
 * Connects and asks one question. It reads into a few bytes of its own and wipes them, so that no part of an answer, which may be the
 * node's credentials, stays in memory.
 * @param place its address is an IPv4 or IPv6 address, not a name
 */
export function ask({ address, port, from }: Omit<Place, "waitMs">, { text, isEnough }: Question): Try {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const read = statusLineReader();
  let line: StatusLine | undefined;
  let askedAt: number | undefined;
  /** A byte that came outweighs how the connection ended. */
  const settle = (outcome: Outcome): void => {
    socket.destroy();
    resolve(line === undefined ? outcome : { kind: "answered", line });
  };
  const take = (bytes: Uint8Array): boolean => {
    line = read(bytes);
    bytes.fill(0);
    if (!isEnough(line)) return true;
    settle({ kind: "answered", line });
    return false;
  };
  const open = (): Socket => {
    const buffer = Buffer.alloc(READ_BYTES);
    const onread = { buffer, callback: (bytes: number): boolean => take(buffer.subarray(0, bytes)) };
    return connect({ host: address, port, onread, ...(from === undefined ? {} : { localAddress: from }) })
      .once("connect", () => {
        askedAt = systemClock.elapsed();
        socket.write(text(address));
      })
      .once("end", () => settle({ kind: "closed" }))
      .on("error", (error) => {
        const code = systemCode(error) ?? "UNKNOWN";
        if (CLOSED.has(code)) return settle({ kind: "closed" });
        return settle({ kind: askedAt === undefined ? "refused" : "failed", code });
      });
  };
  let socket = open();
  return {
    outcome: promise,
    again: () => {
      if (!socket.connecting) return;
      socket.destroy();
      socket = open();
    },
    end: () =>
      settle(
        askedAt === undefined
          ? { kind: "silent" }
          : { kind: "unanswered", ms: systemClock.elapsed() - askedAt },
      ),
  };
}
