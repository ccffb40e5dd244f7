import { createHash } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import type { CodedError } from "../../../sidecar/kit/errors.ts";
import { watchTokenFile, type TokenFile } from "../../../sidecar/wire/token-file.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";

const MINUTE = 60_000;
const sha256 = (token: string): Buffer => createHash("sha256").update(token, "latin1").digest();
const fault = (code: string): Error => Object.assign(new Error(code), { code });

interface Rig {
  readonly clock: HandClock;
  readonly file: TokenFile;
  /** What the file holds: a token, or what happens when it is read. */
  content: string | Error | Promise<string>;
  reads: number;
  readonly said: string[];
  readonly opens: (token: string) => boolean;
}

function rig(content: Rig["content"]): Rig {
  const clock = handClock();
  const said: string[] = [];
  const file = watchTokenFile({
    path: "/token",
    clock,
    read: async () => {
      made.reads += 1;
      const now = await made.content;
      if (now instanceof Error) throw now;
      return Buffer.from(now, "latin1");
    },
    onRotation: () => said.push("rotation"),
    onChange: (problem: CodedError | undefined) => said.push(problem?.message ?? "fine"),
  });
  const opens = (token: string): boolean => file.digests().some((one) => one.equals(sha256(token)));
  const made: Rig = { clock, file, content, reads: 0, said, opens };
  onTestFinished(() => file.stop());
  return made;
}

async function started(content: Rig["content"]): Promise<Rig> {
  const made = rig(content);
  made.file.start();
  await made.clock.advance(0);
  return made;
}

test("a token file gives nobody access before it was read", () => {
  const { file } = rig("to-ken");
  expect(file.digests()).toEqual([]);
  expect(file.problem()).toMatchObject({ code: "APP_TOKEN_UNREADABLE" });
});

test("a token file gives access to the bytes that it holds, and to no others", async () => {
  const { file, opens } = await started("to-ken\xe9");
  await file.firstToken;
  expect(file.problem()).toBeUndefined();
  for (const other of ["to-ken", "to-ken\xe9x", "TO-KEN\xe9", ""]) expect(opens(other)).toBe(false);
  expect(opens("to-ken\xe9")).toBe(true);
});

test.each(["to-ken\n", "to-ken\r\n", " to-ken\t", "to-ken"])(
  "a token file may end in white space, which no header can: %j",
  async (content) => {
    expect((await started(content)).opens("to-ken")).toBe(true);
  },
);

test.each([
  ["is missing", fault("ENOENT"), "cannot be read (ENOENT)"],
  ["may not be read", fault("EACCES"), "cannot be read (EACCES)"],
  ["is too large", fault("EFBIG"), "cannot be read (EFBIG)"],
  ["is empty", "", "is empty"],
  ["holds a line break alone", "\n", "is empty"],
])(
  "a token file that %s gives nobody access, not even with its last token, until it can be read again",
  async (_, content, problem) => {
    const made = await started("to-ken");
    made.content = content;
    await made.clock.advance(MINUTE);
    expect(made.file.digests()).toEqual([]);
    expect(made.file.problem()?.message).toContain(problem);
    made.content = "to-ken";
    await made.clock.advance(1000);
    expect(made.opens("to-ken")).toBe(true);
    expect(made.said).toEqual(["fine", `The app's token file /token ${problem}.`, "fine"]);
  },
);

test.each(["EMFILE", "ENOMEM"])(
  "a token file keeps its token when the sidecar cannot read for lack of resources: %s",
  async (code) => {
    const made = await started("to-ken");
    made.content = fault(code);
    await made.clock.advance(MINUTE);
    expect(made.opens("to-ken")).toBe(true);
    expect(made.said).toEqual(["fine"]);
  },
);

test("the sidecar sees a new token within a minute, and accepts the one before for a minute more", async () => {
  const made = await started("first");
  made.content = "second";
  await made.clock.advance(MINUTE - 1);
  expect([made.opens("first"), made.opens("second")]).toEqual([true, false]);
  await made.clock.advance(1);
  expect([made.opens("first"), made.opens("second")]).toEqual([true, true]);
  await made.clock.advance(MINUTE - 1);
  expect(made.opens("first")).toBe(true);
  await made.clock.advance(1);
  expect([made.opens("first"), made.opens("second")]).toEqual([false, true]);
  expect(made.said).toEqual(["fine", "rotation"]);
});

test("the minute of the token before is the machine's, whatever the wall clock is set to", async () => {
  const made = await started("first");
  made.content = "second";
  await made.clock.advance(MINUTE);
  made.clock.jump(-3_600_000);
  await made.clock.advance(MINUTE);
  expect(made.opens("first")).toBe(false);
});

test("of two rotations within a minute, only the token before the last one is accepted beside it", async () => {
  const made = await started("first");
  for (const token of ["second", "third"]) {
    made.content = token;
    await made.clock.advance(1000);
    await made.file.reread();
  }
  expect(["first", "second", "third"].map(made.opens)).toEqual([false, true, true]);
});

test("wrong tokens cause one read at a time, and ten a second at most", async () => {
  const made = await started("to-ken");
  made.reads = 0;
  const flood = async (): Promise<void> => {
    for (;;) {
      const before = made.clock.elapsed();
      await Promise.all(Array.from({ length: 60 }, () => made.file.reread()));
      if (made.clock.elapsed() >= 10_000 || before === made.clock.elapsed()) return;
    }
  };
  const flooding = flood();
  await made.clock.advance(10_000);
  await flooding;
  expect(made.reads).toBeGreaterThan(90);
  expect(made.reads).toBeLessThanOrEqual(101);
});

test("of many who want the file read, 64 wait for it, and the others are told so at once", async () => {
  const made = await started("to-ken");
  const answers: boolean[] = [];
  for (let count = 0; count < 100; count += 1) void made.file.reread().then((isRead) => answers.push(isRead));
  await made.clock.advance(0);
  expect(answers).toEqual(Array.from({ length: 36 }, () => false));
  await made.clock.advance(100);
  expect(answers.filter(Boolean)).toHaveLength(64);
  expect(await Promise.all([made.file.reread(), made.clock.advance(100)])).toEqual([true, undefined]);
});

test("who waits for a read is served by one that began after the request", async () => {
  const made = await started("first");
  const slow = Promise.withResolvers<string>();
  made.content = slow.promise;
  await made.clock.advance(1000);
  const early = made.file.reread();
  await made.clock.advance(0);
  expect(made.reads).toBe(2);
  // This read has begun, and will bring the token of before.
  const late = made.file.reread();
  made.content = "second";
  slow.resolve("first");
  await early;
  expect(made.opens("second")).toBe(false);
  await made.clock.advance(100);
  await late;
  expect(made.reads).toBe(3);
  expect(made.opens("second")).toBe(true);
});

test("a token file that a request found closed is read again within a second, not within a minute", async () => {
  const made = await started("to-ken");
  made.content = fault("ENOENT");
  await made.clock.advance(1000);
  await made.file.reread();
  made.content = "to-ken";
  await made.clock.advance(1000);
  expect(made.file.problem()).toBeUndefined();
});

test("a token file is not read any more once the sidecar stops", async () => {
  const made = await started("to-ken");
  made.file.stop();
  await made.clock.advance(10 * MINUTE);
  expect(made.reads).toBe(1);
});
