import { describe, expect, test } from "vitest";
import type { AdmissionResult } from "../../../injector/review/admission-result.ts";
import { resultForEphemeral } from "../../../injector/review/ephemeral.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import { app, injected, plainPod } from "../../support/pods.ts";
import { started } from "../../support/started.ts";

/** Ephemeral containers, held to Pod Security level baseline. */

const logs = facts({ annotations: { [ANNOTATION.exempt]: "hostPath=/var/log,capabilities=IPC_LOCK" } });
const mount = { name: "logs", mountPath: "/logs" };
const collector = started(
  injected(
    plainPod({
      volumes: [{ name: "logs", hostPath: { path: "/var/log" } }],
      containers: [{ ...app, volumeMounts: [{ ...mount, readOnly: true }] }],
    }),
    logs,
  ),
);

const debug = (over: Partial<Container>, before: Pod = collector, known = logs): AdmissionResult =>
  resultForEphemeral(
    before,
    {
      ...before,
      spec: { ...before.spec, ephemeralContainers: [{ name: "debug", image: "busybox", ...over }] },
    },
    known,
    config(),
  );
const codesOf = ({ findings }: AdmissionResult): readonly string[] => findings.map(({ code }) => code);

describe("an ephemeral container", () => {
  test("that mounts an exempted path of the node for writing is denied", () => {
    const reading = debug({ volumeMounts: [{ ...mount, readOnly: true }] });
    expect([reading.decision, codesOf(reading)]).toEqual(["inject", ["EXEMPTED"]]);
    const path = "/spec/ephemeralContainers/0/volumeMounts/0/recursiveReadOnly";
    expect(reading.operations).toContainEqual({ op: "add", path, value: "IfPossible" });
    for (const written of [
      mount,
      { ...mount, readOnly: false },
      { ...mount, readOnly: true, recursiveReadOnly: "Disabled" },
    ]) {
      const result = debug({ volumeMounts: [written] });
      expect([result.decision, codesOf(result)]).toEqual(["deny", ["HOST_PATH"]]);
    }
  });

  test("that does not mount a path of the node is not refused because of it", () => {
    expect(debug({}, collector, facts())).toMatchObject({ decision: "inject", findings: [] });
  });

  test("may have a capability from which the namespace is exempted, and no other", () => {
    const adding = (name: string): Partial<Container> => ({
      securityContext: { capabilities: { add: [name] } },
    });
    expect(codesOf(debug(adding("IPC_LOCK")))).toEqual(["EXEMPTED"]);
    expect(codesOf(debug(adding("SYS_PTRACE")))).toEqual(["CAPABILITY_FORBIDDEN"]);
    expect(codesOf(debug(adding("IPC_LOCK"), collector, facts()))).toEqual(["CAPABILITY_FORBIDDEN"]);
  });

  test.for([
    ["privileged", "baseline"],
    ["baseline", "baseline"],
    ["restricted", "restricted"],
  ])("that level %s refuses is answered with --profile=%s, which passes", ([level = "", profile = ""]) => {
    const labels = { "pod-security.kubernetes.io/enforce": level };
    const tracing = { securityContext: { capabilities: { add: ["SYS_PTRACE"] } } };
    expect(debug(tracing, undefined, facts({ labels })).findings[0]?.remedy).toBe(
      `Add --profile=${profile} to kubectl debug, or: Remove SYS_PTRACE from securityContext.capabilities.add.`,
    );
  });

  test("may unmask /proc only in a pod with a user namespace", () => {
    const unmasking = { securityContext: { procMount: "Unmasked" } };
    const hosted = started(injected(plainPod({ hostUsers: false })));
    expect(codesOf(debug(unmasking))).toEqual(["PRIVILEGED"]);
    expect(codesOf(debug(unmasking, hosted))).toEqual([]);
  });
});
