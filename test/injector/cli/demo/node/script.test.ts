import { describe, expect, test } from "vitest";
import { mapPaths } from "../../../../../injector/cli/demo/node/sandbox.ts";
import { containerScript, privilegesOf } from "../../../../../injector/cli/demo/node/script.ts";
import { thrown } from "../../../../support/thrown.ts";

describe("a container's privileges", () => {
  test("are the runtime's defaults when nothing is set", () => {
    const { uid, gid, capabilities, mayEscalate } = privilegesOf(undefined, undefined);
    expect({ uid, gid, mayEscalate }).toEqual({ uid: 0, gid: 0, mayEscalate: true });
    expect(capabilities).toContain("net_raw");
  });

  test("are the guard's: NET_ADMIN and nothing else, no escalation", () => {
    const guard = {
      runAsUser: 0,
      runAsGroup: 0,
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
    };
    expect(privilegesOf(guard, { runAsUser: 1000 })).toEqual({
      uid: 0,
      gid: 0,
      capabilities: ["net_admin"],
      mayEscalate: false,
    });
  });

  test("take the user from the pod where the container names none, and drop in any spelling", () => {
    const { uid, capabilities } = privilegesOf(
      { capabilities: { drop: ["cap_NET_RAW"] } },
      { runAsUser: 1000 },
    );
    expect(uid).toBe(1000);
    expect(capabilities).not.toContain("net_raw");
    expect(capabilities).toContain("chown");
  });
});

describe("a container's script", () => {
  const files = {
    dev: "/t/dev",
    devices: ["null"],
    binds: [{ from: "/t", to: "/tmp" }],
    veils: ["/run"],
    mounts: [{ from: "/t/it's", to: "/var/run/token" }],
    privileges: { uid: 64169, gid: 64169, capabilities: [], mayEscalate: false },
  };

  test("mounts everything, then becomes the command as the container's user", () => {
    expect(containerScript(files).split("\n")).toEqual([
      "set -e",
      "umask 022",
      "mount --bind /dev/null '/t/dev/null'",
      "mount --rbind '/t/dev' /dev",
      "mount -t tmpfs -o mode=755 tmpfs '/run'",
      "mkdir -p '/var/run/token'",
      String.raw`mount --bind '/t/it'\''s' '/var/run/token'`,
      "mount -o remount,bind,ro '/var/run/token'",
      "mount --rbind '/t' '/tmp'",
      "exec setpriv --reuid 64169 --regid 64169 --clear-groups --bounding-set '-all' --inh-caps -all " +
        `--no-new-privs --pdeathsig KILL -- "$@"`,
    ]);
  });

  test("gives a container the capabilities it asks for and may gain no other", () => {
    const privileges = { uid: 0, gid: 0, capabilities: ["net_admin"], mayEscalate: true };
    expect(containerScript({ ...files, privileges })).toContain(
      "--bounding-set '-all,+net_admin' --inh-caps -all --pdeathsig",
    );
  });

  test("does not lay anything over the whole file system", async () => {
    expect(await thrown(() => containerScript({ ...files, veils: ["/"] }))).toMatchObject({
      code: "DEMO_UNSUPPORTED",
    });
  });
});

describe("without mounts, a path in a variable", () => {
  const moves = [{ from: "/t/token", to: "/var/run/token" }];
  test.each([
    ["/var/run/token", "/t/token"],
    ["/var/run/token/file", "/t/token/file"],
    ["/var/run/tokens", "/var/run/tokens"],
    ["see /var/run/token", "see /var/run/token"],
    ['[{"tokenFile":"/var/run/token/file"}]', '[{"tokenFile":"/t/token/file"}]'],
  ])("%s becomes %s", (value, mapped) => {
    expect(mapPaths({ A: value }, moves)).toEqual({ A: mapped });
  });
});
