import { chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { startMark } from "../../sidecar/start-mark.ts";
import { tempFolder } from "../support/temp-files.ts";

/** A container's `/dev`, with or without the sandbox's shared memory. */
function devices(shared = true) {
  const folder = tempFolder();
  const shm = join(folder, "shm");
  if (shared) mkdirSync(shm);
  const terminationLog = join(folder, "termination-log");
  writeFileSync(terminationLog, "");
  const markOf = (podUid: string) =>
    startMark({ [ENV.terminationLog]: terminationLog, [ENV.podUid]: podUid });
  return { folder, shm, markOf };
}

test("the start mark lasts from one container of the pod to the next, and is not another pod's", () => {
  const { markOf } = devices();
  expect(markOf("1").isSet()).toBe(false);
  markOf("1").set();
  markOf("1").set();
  expect(markOf("1").isSet()).toBe(true);
  expect(markOf("2").isSet()).toBe(false);
});

test("the start mark is never set where a container has no shared memory or no termination log", () => {
  const { folder, markOf } = devices(false);
  const { folder: bare, shm } = devices();
  const missing = { [ENV.terminationLog]: join(bare, "no-log"), [ENV.podUid]: "1" };
  for (const mark of [markOf("1"), startMark(missing), startMark({})]) {
    mark.set();
    expect(mark.isSet()).toBe(false);
  }
  expect([...readdirSync(folder), ...readdirSync(shm)]).toEqual(["termination-log"]);
});

test("the start mark of another uid does not count", ({ skip }) => {
  if (process.getuid?.() !== 0) skip("only root can give a file away");
  const { shm, markOf } = devices();
  markOf("1").set();
  chownSync(join(shm, "podrole-started-1"), 51_234, 51_234);
  expect(markOf("1").isSet()).toBe(false);
});

test("the start mark follows no link", () => {
  const { folder, shm, markOf } = devices();
  symlinkSync(join(folder, "elsewhere"), join(shm, "podrole-started-1"));
  markOf("1").set();
  expect(readdirSync(folder)).toEqual(["shm", "termination-log"]);
});
