import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { certificateAuthority, validFor } from "../../../injector/tls/certificates.ts";
import { followClientCa, readClientCa } from "../../../injector/tls/client-ca.ts";
import { handClock } from "../../support/hand-clock.ts";
import { logLines } from "../../support/log-lines.ts";
import { tempFolder } from "../../support/temp-files.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";

const first = await certificateAuthority("first", validFor(1, Date.now()));
const second = await certificateAuthority("second", validFor(1, Date.now()));

describe("the client CA", () => {
  test("is every certificate in the file, and nothing else in it", async () => {
    const path = join(tempFolder(), "ca.crt");
    await writeFile(path, `# two\n${first.cert}\n${first.key}\n${second.cert}`);
    const text = await readClientCa(path);
    expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(text).not.toContain("PRIVATE");
  });

  test.for([
    ["", "contains no certificate in PEM form"],
    [first.key, "contains no certificate in PEM form"],
    ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "contains no certificate in PEM form"],
  ] as const)("is refused with a sentence that does not quote the file: %#", async ([text, why]) => {
    const path = join(tempFolder(), "ca.crt");
    await writeFile(path, text);
    expect(await thrown(() => readClientCa(path))).toMatchObject({
      code: "CLIENT_CA_INVALID",
      message: `${path} ${why}.`,
    });
  });

  test("is refused if the file cannot be read", async () => {
    expect(await thrown(() => readClientCa("/nowhere/ca.crt"))).toMatchObject({
      code: "CLIENT_CA_INVALID",
      message: "/nowhere/ca.crt cannot be read (ENOENT).",
    });
  });

  test("is followed: a change is applied once, and an invalid one changes nothing and is logged once", async () => {
    const path = join(tempFolder(), "ca.crt");
    await writeFile(path, first.cert);
    const [clock, { log, lines }, stopping] = [handClock(), logLines(), new AbortController()];
    const applied: string[] = [];
    const apply = (text: string): void => void applied.push(text);
    // Again and again, because the file before may still be read when the time comes.
    const read = (isDone: boolean): true | undefined => {
      if (!isDone) void clock.advance(10_000);
      return isDone || undefined;
    };
    const following = followClientCa(await readClientCa(path), { path, clock, log, apply }, stopping.signal);
    await clock.advance(10_000);
    expect(applied).toEqual([]);
    await writeFile(path, "half written");
    await until("the complaint", () => read(lines.length === 1));
    await clock.advance(10_000);
    await writeFile(path, second.cert);
    await until("the change", () => read(applied.length === 1));
    expect(applied[0]).toContain(second.cert.trim().split("\n")[1]);
    expect(lines.map(({ msg }) => msg)).toEqual(["client CA cannot be read", "client CA in use"]);
    stopping.abort();
    await clock.advance(10_000);
    await following;
  });
});
