import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSmallFile } from "../../../sidecar/kit/read-small-file.ts";
import { projectedVolume } from "../../support/projected-volume.ts";
import { tempFile, tempFolder } from "../../support/temp-files.ts";

test.each(["", "x", "x".repeat(99), "x".repeat(100), "tök\0en\n"])(
  "a small file's content is read: %j",
  async (content) => {
    expect(readSmallFile(tempFile(content), 100).toString()).toBe(content);
  },
);

test("a small file is read through the kubelet's links", async () => {
  const { file, rotate } = projectedVolume("first");
  rotate("second");
  expect(readSmallFile(file, 100).toString()).toBe("second");
});

test("no more than the limit is read of a larger file", async () => {
  const large = tempFile("x".repeat(101));
  expect(() => readSmallFile(large, 100)).toThrow(expect.objectContaining({ code: "EFBIG" }) as Error);
  // Of a file this size, reading all would take memory that no machine has.
  truncateSync(large, 2 ** 43);
  expect(() => readSmallFile(large, 100)).toThrow(expect.objectContaining({ code: "EFBIG" }) as Error);
});

test.each([
  ["a folder", () => tempFolder(), "EINVAL"],
  ["a device that never ends", () => "/dev/zero", "EINVAL"],
  ["a file that is not there", () => join(tempFolder(), "token"), "ENOENT"],
])("%s is not read", async (_, path, code) => {
  expect(() => readSmallFile(path(), 100)).toThrow(expect.objectContaining({ code }) as Error);
});
