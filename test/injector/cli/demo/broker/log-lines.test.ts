import { describe, expect, test } from "vitest";
import {
  arnIn,
  expiryIn,
  isHeldUntil,
  isListening,
  isOwnIdentity,
  isRefused,
  refusalIn,
} from "../../../../../injector/cli/demo/broker/log-lines.ts";
import { createLog, type Log } from "../../../../../sidecar/kit/log.ts";

/** A line as our programs write it. */
function lineOf(write: (log: Log) => void): string {
  let written = "";
  write(createLog("info", "podrole-sidecar", (line) => (written += line)));
  return written.trimEnd();
}

const AT = "2026-01-01T01:00:00.000Z";
const held = lineOf((log) => log.info({ identity: "pod", roleArn: "r", expiresAt: AT }, "credentials held"));
const failed = (kind: string) =>
  lineOf((log) =>
    log.warn({ identity: "pod", code: "ROLE_NOT_ALLOWED", reason: "No.", kind }, "no new credentials"),
  );

describe("a line of a log", () => {
  test("shows a refusal of this identity, with its code", () => {
    expect(isRefused(failed("definite"), "pod")).toBe(true);
    expect(isRefused(failed("definite"), "container/a")).toBe(false);
    expect(refusalIn(failed("definite"))).toEqual({ code: "ROLE_NOT_ALLOWED", message: "No." });
  });

  test("shows no refusal where the broker could only not be asked", () => {
    expect(isRefused(failed("passing"), "pod")).toBe(false);
  });

  test("shows a session that lasts long enough", () => {
    expect(isHeldUntil(held, "pod", Date.parse(AT))).toBe(true);
    expect(isHeldUntil(held, "pod", Date.parse(AT) + 1)).toBe(false);
    expect(isHeldUntil(failed("definite"), "pod", 0)).toBe(false);
    expect(expiryIn(held)).toBe(AT);
  });

  test("of the broker says that it listens", () => {
    expect(isListening(lineOf((log) => log.info({ port: 8443 }, "listening")))).toBe(true);
    expect(isListening(held)).toBe(false);
  });

  test("of the broker says who it is", () => {
    const line = lineOf((log) => log.info({ arn: "arn:aws:iam::1:user/b" }, "own identity"));
    expect(isOwnIdentity(line)).toBe(true);
    expect(arnIn(line)).toBe("arn:aws:iam::1:user/b");
    expect(isOwnIdentity(lineOf((log) => log.info({ expiresAt: AT }, "own identity held")))).toBe(false);
  });

  test("may be of something else", () => {
    expect(isRefused("Warning: a word of Node's", "pod")).toBe(false);
    expect(isHeldUntil("[]", "pod", 0)).toBe(false);
  });
});
