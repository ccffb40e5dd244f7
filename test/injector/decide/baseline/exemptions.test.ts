import { describe, expect, test } from "vitest";
import type { Pod } from "../../../../injector/model/pod.ts";
import {
  EXEMPTIBLE_CAPABILITIES,
  NEVER_EXEMPT_CAPABILITIES,
} from "../../../../injector/decide/baseline/capabilities.ts";
import { CONTROLS } from "../../../../injector/decide/baseline/controls.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { admitted, app, codes, denials, plainPod } from "../../../support/pods.ts";
import { exempting, invalid, reading, writing } from "./exempting.ts";

const adding = (...add: readonly string[]): Pod =>
  plainPod({ containers: [{ ...app, securityContext: { capabilities: { add } } }] });

describe("an exemption", () => {
  test.for<readonly [string, string, Pod]>([
    ["hostPorts", "HOST_PORT", plainPod({ containers: [{ ...app, ports: [{ hostPort: 80 }] }] })],
    [
      "seccomp",
      "SECCOMP_FORBIDDEN",
      plainPod({ securityContext: { seccompProfile: { type: "Unconfined" } } }),
    ],
    [
      "appArmor",
      "APPARMOR_FORBIDDEN",
      plainPod({ securityContext: { appArmorProfile: { type: "Unconfined" } } }),
    ],
    ["seLinux", "SELINUX_FORBIDDEN", plainPod({ securityContext: { seLinuxOptions: { type: "spc_t" } } })],
    [
      "sysctls=net.core.somaxconn",
      "SYSCTL_FORBIDDEN",
      plainPod({ securityContext: { sysctls: [{ name: "net.core.somaxconn" }] } }),
    ],
    ["capabilities=IPC_LOCK", "CAPABILITY_FORBIDDEN", adding("IPC_LOCK")],
    ["capabilities=SYS_NICE", "CAPABILITY_FORBIDDEN", adding("SYS_NICE")],
    ["hostPath=/var/log", "HOST_PATH", reading("/var/log/pods")],
    ["hostPath=/data/search:rw", "HOST_PATH", writing("/data/search")],
  ])("%s admits what is otherwise refused, with a warning", ([entry, code, attack]) => {
    expect(denials(attack)).toEqual([code]);
    const { kind, findings } = admitted(attack, exempting(` ${entry} ,`));
    expect(kind).toBe("inject");
    expect(findings).toMatchObject([{ code: "EXEMPTED", severity: "warn", entry }]);
    expect(findings[0]?.message).toContain(`${entry} in the namespace's annotation ${ANNOTATION.exempt}`);
    const other = entry.startsWith("seccomp") ? "appArmor" : "seccomp";
    expect(denials(attack, exempting(other))).toEqual([code]);
  });

  test("is a warning once, however often the pod needs it, and none if the pod does not need it", () => {
    const ports = [{ hostPort: 80 }, { hostPort: 81 }, { hostPort: 82 }];
    const several = plainPod({ containers: [{ ...app, ports }] });
    expect(codes(several, exempting("hostPorts,seccomp"))).toEqual(["EXEMPTED"]);
    expect(admitted(several, exempting("hostPorts")).findings[0]?.message).toContain("(and 2 more like it)");
    expect(codes(plainPod(), exempting("hostPorts,seccomp"))).toEqual([]);
  });

  test("from one control leaves the others", () => {
    const both = adding("IPC_LOCK", "SYS_ADMIN");
    expect(denials(both, exempting("capabilities=IPC_LOCK"))).toEqual(["CAPABILITY_FORBIDDEN"]);
  });

  test("is not read from the pod's own annotations", () => {
    const own = {
      ...adding("IPC_LOCK"),
      metadata: { annotations: { [ANNOTATION.exempt]: "capabilities=IPC_LOCK" } },
    };
    expect(denials(own)).toEqual(["CAPABILITY_FORBIDDEN"]);
  });

  test("that would help is named by the denial, and none where none can", () => {
    const remedy = (one: Pod): string | undefined => admitted(one).findings[0]?.remedy;
    expect(remedy(adding("IPC_LOCK"))).toBe(
      "Remove IPC_LOCK from securityContext.capabilities.add, or ask a cluster admin to add capabilities=IPC_LOCK to the namespace's annotation podrole.dev/exempt.",
    );
    expect(remedy(reading("/var/log"))).toContain("add hostPath=/var/log to");
    expect(remedy(writing("/data/search"))).toContain("add hostPath=/data/search:rw to");
    for (const one of [adding("SYS_ADMIN"), reading("/run"), reading("/"), writing("/var/log")]) {
      expect(remedy(one)).not.toContain("podrole.dev/exempt");
    }
  });
});

describe("an entry that cannot be given", () => {
  const never = Object.entries(CONTROLS).flatMap(([name, { exempt }]) =>
    exempt.by === "nothing" ? [name] : [],
  );

  test("is one of these controls", () => {
    expect(never).toEqual([
      "privileged",
      "meshInit",
      "hostNamespaces",
      "hostProbes",
      "procMount",
      "windowsHostProcess",
    ]);
  });

  test.for([
    ...never,
    "capabilities",
    "capabilities=",
    ...Object.keys(NEVER_EXEMPT_CAPABILITIES).map((name) => `capabilities=${name}`),
    "capabilities=ipc_lock",
    "capabilities=CAP_IPC_LOCK",
    "capabilities=IPC_LOCK:rw",
    "hostPorts=80",
    "hostPorts:rw",
    "hostports",
    "HostPorts",
    "sysctls",
    "sysctls=net.ipv4.conf.all.route_localnet",
    "sysctls=net.*",
    "hostPath",
    "hostPath=",
    "hostPath=:rw",
    "*",
    "baseline",
    "constructor",
    "__proto__",
    "=",
  ])("exempts from nothing and is a finding: %s", (entry) => {
    expect(invalid(entry)).toEqual([
      expect.stringContaining(`EXEMPTION_INVALID The entry ${JSON.stringify(entry)} of the annotation`),
    ]);
    expect(invalid(`${entry},seccomp`)).toHaveLength(1);
  });

  test("does not stop the pods of the namespace, or the entries beside it", () => {
    expect(denials(plainPod(), exempting("privileged"))).toEqual(["inject"]);
    expect(denials(adding("IPC_LOCK"), exempting("x,capabilities=IPC_LOCK"))).toEqual(["inject"]);
    expect(denials(adding("SYS_ADMIN"), exempting("capabilities=SYS_ADMIN"))).toEqual([
      "CAPABILITY_FORBIDDEN",
    ]);
  });

  test("suggests the entry that was meant", () => {
    expect(invalid("hostport")[0]).toContain("did you mean hostPorts");
    expect(invalid("capabilities=NET_ADMIN")[0]).toContain("it removes the guard's rules");
  });

  test.for<readonly [string, string]>([
    ["is longer than 2000 characters", "hostPorts".padEnd(2001, ",")],
    ["has a letter that looks like another", "hostPorts,sec\u0441omp"],
    ["has white space of another kind", "hostPorts,\u00a0"],
  ])("is all of an annotation that %s", ([, exempt]) => {
    expect(invalid(exempt)).toEqual([
      expect.stringMatching(/^EXEMPTION_INVALID The annotation .+ exempts from nothing/),
    ]);
    const ports = plainPod({ containers: [{ ...app, ports: [{ hostPort: 80 }] }] });
    expect(denials(ports, exempting(exempt))).toEqual(["HOST_PORT"]);
    expect(denials(ports, exempting("hostPorts".padEnd(2000, ",")))).toEqual(["inject"]);
  });

  test("is none in an annotation without entries", () => {
    for (const empty of ["", " ", ",", " , "]) expect(invalid(empty)).toEqual([]);
  });
});

test("no capability is both exemptible and never exempted", () => {
  for (const name of Object.keys(EXEMPTIBLE_CAPABILITIES)) {
    expect(NEVER_EXEMPT_CAPABILITIES).not.toHaveProperty(name);
  }
});
