import { describe, expect, test } from "vitest";
import { writeAll } from "../../../sidecar/kit/write-all.ts";

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** Each call takes as many bytes as its answer says, or throws it. */
function descriptor(...answers: readonly (number | Error)[]): {
  readonly write: (fd: number, bytes: Buffer) => number;
  readonly written: () => string;
  readonly left: () => number;
} {
  const queue = [...answers];
  const taken: Buffer[] = [];
  return {
    write: (_, bytes) => {
      const answer = queue.shift() ?? bytes.length;
      if (typeof answer !== "number") throw answer;
      taken.push(Buffer.from(bytes.subarray(0, answer)));
      return Math.min(answer, bytes.length);
    },
    written: () => Buffer.concat(taken).toString(),
    left: () => queue.length,
  };
}

describe("a text is written to a descriptor", () => {
  test("whole, when the descriptor takes it in pieces, and between the bytes of a character", () => {
    const { write, written } = descriptor(1, 2, 0, 3);
    writeAll(2, "é你\u{1f600} and the rest\n", write);
    expect(written()).toBe("é你\u{1f600} and the rest\n");
  });

  test.for(["EAGAIN", "EBUSY"])("later, when the descriptor says %s", (code) => {
    const { write, written } = descriptor(failure(code), 3, failure(code));
    writeAll(2, "a line\n", write);
    expect(written()).toBe("a line\n");
  });

  test.for(["EPIPE", "EIO", "ENOSPC", "EBADF"])("no further, and without a throw, after %s", (code) => {
    const { write, written, left } = descriptor(3, failure(code), 4);
    writeAll(2, "a line\n", write);
    expect(written()).toBe("a l");
    expect(left()).toBe(1);
  });
});
