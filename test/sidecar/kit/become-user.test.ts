import { describe, expect, test } from "vitest";
import { becomeUser } from "../../../sidecar/kit/become-user.ts";
import type { OwnProcess } from "../../../sidecar/kit/own-process.ts";
import { thrown } from "../../support/thrown.ts";

const UID = 51_234;

const refuse = (): never => {
  throw Object.assign(new Error("no"), { code: "EPERM" });
};

/** The text of a status, as Linux writes it. */
const status = (changes: Readonly<Record<string, string>> = {}): string => {
  const lines = {
    Name: "podrole\tUid:\t0",
    Uid: `${UID}\t${UID}\t${UID}\t${UID}`,
    Gid: `${UID}\t${UID}\t${UID}\t${UID}`,
    Groups: "2000 3000 ",
    CapInh: "0000000000000000",
    CapPrm: "0000000000000000",
    CapEff: "0000000000000000",
    CapBnd: "00000000000010c0",
    CapAmb: "0000000000000000",
    NoNewPrivs: "1",
    ...changes,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("");
};

/** A process of root's whose rights go as they should, except for what a test replaces. */
function rootProcess(other: Partial<OwnProcess> = {}): { self: OwnProcess; steps: readonly string[] } {
  const steps: string[] = [];
  let isRoot = true;
  const asRoot =
    (name: string, change = (): void => undefined) =>
    (value: unknown): void => {
      if (!isRoot) refuse();
      steps.push(`${name} ${String(value)}`);
      change();
    };
  const self: OwnProcess = {
    groups: () => [0, 3000, 2000, 2000],
    setGroups: asRoot("groups"),
    setGid: asRoot("gid"),
    setUid: asRoot("uid", () => (isRoot = false)),
    statuses: () => [status(), status({ Name: "thread" })],
    descriptors: () => ["pipe:[1]\n", "anon_inode:[io_uring]\npos:\t0\nSqThread:\t-1\n"],
    children: () => [],
    ...other,
  };
  return { self, steps };
}

describe("a process that gives up root", () => {
  test("keeps the groups that it was given, without root's", () => {
    const { self, steps } = rootProcess();
    becomeUser(UID, undefined, self);
    expect(steps).toEqual(["groups 3000,2000", `gid ${UID}`, `uid ${UID}`]);
  });

  test("takes the group that is named instead of its uid's number", async () => {
    const Gid = "1337\t1337\t1337\t1337";
    const { self, steps } = rootProcess({ statuses: () => [status({ Gid })] });

    becomeUser(UID, 1337, self);

    expect(steps).toEqual(["groups 3000,2000", "gid 1337", `uid ${UID}`]);
    expect(await thrown(async () => becomeUser(UID, 1337, rootProcess().self))).toMatchObject({
      message: expect.stringContaining(`Gid is ${UID}`) as string,
    });
  });

  test.each<[string, Partial<OwnProcess>]>([
    ["a change is refused", { setGid: refuse }],
    ["the former uid is kept", { statuses: () => [status({ Uid: `${UID}\t${UID}\t0\t${UID}` })] }],
    ["a thread keeps root", { statuses: () => [status(), status({ Uid: "0\t0\t0\t0" })] }],
    ["a group is kept", { statuses: () => [status({ Gid: `0\t${UID}\t${UID}\t${UID}` })] }],
    ["it is still in root's group", { statuses: () => [status({ Groups: "0 2000 3000" })] }],
    ["it is in no group any more", { statuses: () => [status({ Groups: "" })] }],
    ...["CapInh", "CapPrm", "CapEff", "CapAmb"].map((name): [string, Partial<OwnProcess>] => [
      `${name} has a capability`,
      { statuses: () => [status(), status({ [name]: "0000000000001000" })] },
    ]),
    ["it may get new privileges", { statuses: () => [status({ NoNewPrivs: "0" })] }],
    ["the kernel does not say", { statuses: () => ["Name:\tpodrole\n"] }],
    ["it can become root again", { setUid: () => undefined }],
    ["it can take root's group again", { setGid: () => undefined }],
    ["it can choose its groups", { setGroups: () => undefined }],
    ["a socket is open", { descriptors: () => ["socket:[4711]\n"] }],
    [
      "a ring is open that the kernel polls as root",
      { descriptors: () => ["anon_inode:[io_uring]\nSqThread:\t812\n"] },
    ],
    [
      "a ring is open of which the kernel does not say who polls it",
      { descriptors: () => ["anon_inode:[io_uring]\n"] },
    ],
    ["a program that it has started still runs", { children: () => [7] }],
  ])("fails when %s", async (_, other) => {
    const { self } = rootProcess(other);
    const error = await thrown(async () => becomeUser(UID, undefined, self));
    expect(error).toMatchObject({ code: "PRIVILEGES_KEPT" });
  });

  test("names everything that it kept, each once", async () => {
    const capable = status({ CapEff: "0000000000001000" });
    const { self } = rootProcess({ statuses: () => [capable, capable], children: () => [7] });
    expect(await thrown(async () => becomeUser(UID, undefined, self))).toMatchObject({
      message:
        "The process could not give up the rights of root: CapEff is 0000000000001000; process 7, which it has started, still runs.",
    });
  });
});
