import { anything, array, assert, constantFrom, dictionary, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { stateOf } from "../../../../../injector/cli/check/probe/state.ts";
import { ended } from "./nodes.ts";

const JOB = "podrole-probe-1";
const pod = (status: object, over: object = {}) => ({
  metadata: { name: `${JOB}-x` },
  spec: {},
  status,
  ...over,
});
const waiting = (reason: string, message?: string) =>
  pod({
    phase: "Pending",
    containerStatuses: [
      { name: "podrole-guard", state: { waiting: { reason, ...(message ? { message } : {}) } } },
    ],
  });
const warning = (name: string, reason: string, message: string, lastTimestamp = "2026-11-01T00:00:00Z") => ({
  involvedObject: { name },
  reason,
  message,
  lastTimestamp,
});

describe("a Job's pod", () => {
  test("that is not there is waited for, or stuck for the newest reason of its Job", () => {
    expect(stateOf(JOB, undefined, [])).toEqual({ kind: "under-way", why: "its Job has made no pod yet" });
    const warnings = [
      warning(JOB, "FailedCreate", "old", "2026-11-01T00:00:00Z"),
      warning(JOB, "FailedCreate", "exceeded quota: pods", "2026-11-01T00:00:09Z"),
      warning(JOB, "Other", "no matter", "2026-11-01T00:00:30Z"),
      warning("podrole-probe-2", "FailedCreate", "another's", "2026-11-01T00:00:30Z"),
    ];
    expect(stateOf(JOB, undefined, warnings)).toEqual({
      kind: "stuck",
      why: "its Job can make no pod: exceeded quota: pods",
    });
  });

  test.for([
    [
      "that has ended",
      pod(ended(17, "said")),
      { kind: "ended", exitCode: 17, reason: "Error", said: "said" },
    ],
    [
      "that was evicted",
      pod({ phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." }),
      { kind: "failed", why: "its pod failed: Evicted, The node was low on resource: memory" },
    ],
    [
      "beside whose guard another container has ended",
      pod({
        containerStatuses: [
          { name: "added", state: { terminated: { exitCode: 0 } } },
          ...ended(17).containerStatuses,
        ],
      }),
      { kind: "ended", exitCode: 17, reason: "Error", said: "" },
    ],
    [
      "that is being deleted",
      pod({ phase: "Pending" }, { metadata: { deletionTimestamp: "x" } }),
      { kind: "failed", why: "its pod was deleted" },
    ],
    [
      "whose image cannot be pulled",
      waiting("ImagePullBackOff", 'Back-off pulling image "podrole/sidecar:0.1.0"'),
      {
        kind: "stuck",
        why: 'its container waits: ImagePullBackOff, Back-off pulling image "podrole/sidecar:0.1.0"',
      },
    ],
    [
      "that starts",
      waiting("ContainerCreating"),
      { kind: "under-way", why: "its pod waits for the scheduler" },
    ],
    [
      "that no node takes",
      pod({
        conditions: [
          {
            type: "PodScheduled",
            status: "False",
            reason: "Unschedulable",
            message:
              "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available.",
          },
        ],
      }),
      {
        kind: "stuck",
        why: "its pod cannot be scheduled: Unschedulable, 0/3 nodes are available: 1 Insufficient cpu",
      },
    ],
    [
      "whose status is not what it should be",
      pod([]),
      { kind: "under-way", why: "its pod waits for the scheduler" },
    ],
  ] as const)("%s", ([, one, state]) => {
    expect(stateOf(JOB, one, [])).toEqual(state);
  });

  test("that a node has taken and cannot start says what the kubelet warned of", () => {
    const taken = pod({ phase: "Pending" }, { spec: { nodeName: "a" } });
    expect(stateOf(JOB, taken, [])).toEqual({ kind: "under-way", why: "its pod starts" });
    const sandbox = warning(`${JOB}-x`, "FailedCreatePodSandBox", "no more addresses");
    expect(stateOf(JOB, taken, [sandbox])).toMatchObject({ why: "its pod starts: no more addresses" });
  });

  test("of any form has a state", () => {
    const kinds = new Set(["under-way", "stuck", "ended", "failed"]);
    const status = dictionary(
      constantFrom("phase", "conditions", "containerStatuses", "reason", "message"),
      oneof(anything(), array(anything())),
    );
    assert(
      property(status, array(dictionary(string(), anything())), (one, warnings) => {
        expect(kinds).toContain(stateOf(JOB, pod(one), warnings).kind);
      }),
    );
  });
});
