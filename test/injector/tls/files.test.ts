import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { followFiles, readPair, type TlsFiles } from "../../../injector/tls/files.ts";
import { served, type Served } from "../../../injector/tls/served.ts";
import type { Trouble } from "../../../injector/model/trouble.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { logLines, type LogLine } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";
import { tempFolder } from "../../support/temp-files.ts";

const DAY = 24 * 60 * 60 * 1000;
let ca: KeyPair;
beforeAll(async () => {
  ca = await certificateAuthority("test", validFor(100, handClock().now()));
});
const fresh = (days = 30): Promise<KeyPair> =>
  servingCertificate(ca, ["a.example"], validFor(days, handClock().now()));

async function written(pair: KeyPair): Promise<TlsFiles> {
  const folder = tempFolder();
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  await Promise.all([writeFile(files.cert, pair.cert), writeFile(files.key, pair.key)]);
  return files;
}

interface Following {
  readonly clock: HandClock;
  readonly served: Served;
  readonly applied: readonly KeyPair[];
  readonly lines: readonly LogLine[];
  readonly trouble: () => Trouble | undefined;
  /** Looks until a condition holds. */
  readonly look: (what: string, ask: () => boolean) => Promise<unknown>;
}

function following(files: TlsFiles): Following {
  const clock = handClock();
  const { log, lines } = logLines();
  const applied: KeyPair[] = [];
  let trouble: Trouble | undefined;
  const holder = served({
    now: () => clock.now(),
    apply: (pair) => void applied.push(pair),
  });
  const stopping = new AbortController();
  const running = followFiles(
    {
      files,
      served: holder,
      clock,
      log,
      intervalMs: 1e4,
      trouble: (found) => void (trouble = found),
    },
    stopping.signal,
  );
  onTestFinished(async () => {
    stopping.abort();
    await running;
  });
  return {
    clock,
    served: holder,
    applied,
    lines,
    trouble: () => trouble,
    look: (what, ask) =>
      until(what, async () => {
        await clock.advance(10_000);
        return ask() || undefined;
      }),
  };
}

describe("certificate and key in files", () => {
  test("are served, and served again when their content changes", async () => {
    const [first, second] = [await fresh(), await fresh()];
    const files = await written(first);
    const one = following(files);
    await one.look("the first", () => one.applied.length === 1);
    await Promise.all([writeFile(files.cert, second.cert), writeFile(files.key, second.key)]);
    await one.look("the second", () => one.applied.length === 2);
    expect(one.applied).toEqual([first, second]);
    expect(one.served.trouble()).toBeUndefined();
  });

  test("that do not match yet are not served, and the previous ones stay in use", async () => {
    const [first, second] = [await fresh(), await fresh()];
    const files = await written(first);
    const one = following(files);
    await one.look("the first", () => one.applied.length === 1);
    await writeFile(files.cert, second.cert);
    // A look during the writing finds another error first.
    const words = "TLS_FILE_INVALID: .*tls.key is not the key of the certificate in";
    await one.look("the trouble", () => new RegExp(words).test(one.trouble()?.message ?? ""));
    expect([one.applied.length, one.served.trouble()]).toEqual([1, undefined]);
    await writeFile(files.key, second.key);
    await one.look("the second", () => one.applied.length === 2);
    await one.look("the end of the trouble", () => one.trouble() === undefined);
    expect(one.lines.filter(({ level }) => level > 40).length).toBeLessThanOrEqual(3);
    expect(JSON.stringify(one.lines)).not.toContain("PRIVATE");
  });

  test("that have expired make the server unready, and the error says so", async () => {
    const one = following(await written(await fresh(1)));
    await one.look("the first", () => one.applied.length === 1);
    one.clock.jump(2 * DAY);
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_VALID" });
  });

  test.for([
    ["no certificate", "x", undefined, "TLS_FILE_INVALID", "contains no certificate in PEM"],
    ["no key", undefined, "x", "TLS_FILE_INVALID", "contains no private key in PEM"],
    ["the key of another", undefined, "ca", "TLS_FILE_INVALID", "is not the key of the certificate"],
  ] as const)(
    "that are %s are refused with a message that repeats nothing of them",
    async ([, cert, key, code, words]) => {
      const pair = await fresh();
      const files = await written({
        cert: cert ?? pair.cert,
        key: key === "ca" ? ca.key : (key ?? pair.key),
      });
      const error = await thrown(() => readPair(files));
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(words) as string]);
      expect(`${error.message}${String(error.cause)}`).not.toContain("BEGIN");
    },
  );

  test("that are missing are named", async () => {
    const error = await thrown(() => readPair({ cert: "/nowhere/tls.crt", key: "/nowhere/tls.key" }));
    expect(error.code).toBe("TLS_FILE_UNREADABLE");
    expect(error.message).toContain("/nowhere/tls.crt cannot be read (ENOENT)");
  });

  test("name the certificate first when both are missing, whichever read ends first", async () => {
    const reads: string[] = [];
    const missing = async (path: string): Promise<string> => {
      reads.push(path);
      // Reading the key fails long before reading the certificate.
      if (path === "/tls/tls.crt") await new Promise((resolve) => setImmediate(resolve));
      throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    };
    const error = await thrown(() => readPair({ cert: "/tls/tls.crt", key: "/tls/tls.key" }, missing));
    expect(error.message).toContain("/tls/tls.crt cannot be read (ENOENT)");
    expect(reads).toEqual(["/tls/tls.crt"]);
  });
});
