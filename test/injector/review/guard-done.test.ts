import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { FRESH, injected, plainPod, pod } from "../../support/pods.ts";
import {
  NOT_SERVING_STATUSES,
  SERVING_STATUSES,
  started,
  STARTED_STATUSES,
  UNPROVEN_STATUSES,
} from "../../support/started.ts";

const debugger_ = { name: "debugger", image: "busybox" };

/** The answer to an ephemeral container more in this pod. @param client the pod as the client sends it, without that container */
const debugged = (stored: Pod, client: Pod = stored, added: readonly object[] = [debugger_]) =>
  resultForReview(
    parseReview({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        uid: "u",
        resource: { group: "", resource: "pods" },
        subResource: "ephemeralcontainers",
        namespace: "shop",
        operation: "UPDATE",
        object: { ...client, spec: { ...client.spec, ephemeralContainers: added } },
        oldObject: stored,
      },
    }),
    facts(),
    config(),
    FRESH,
  );
const refused = { decision: "deny", operations: [], findings: [{ code: "GUARD_NOT_DONE" }] };

describe("an ephemeral container", () => {
  const withRole = injected(pod());
  const guardOnly = injected(plainPod());

  test.for(STARTED_STATUSES)("is admitted when, by the pod's status, %s", ([, status]) => {
    expect(debugged({ ...withRole, status })).toMatchObject({ decision: "inject", findings: [] });
    expect(debugged({ ...guardOnly, status })).toMatchObject({ decision: "inject", findings: [] });
  });

  test.for(UNPROVEN_STATUSES)("is refused when, by the pod's status, %s", ([, status]) => {
    expect(debugged({ ...withRole, status })).toMatchObject(refused);
    expect(debugged({ ...guardOnly, status })).toMatchObject(refused);
  });

  const together = injected(pod(), facts(), config({ guardContainer: "sidecar" }));

  test.for(SERVING_STATUSES)("is admitted beside a sidecar that is the guard too when %s", ([, status]) => {
    expect(debugged({ ...together, status })).toMatchObject({ decision: "inject", findings: [] });
  });

  test.for(NOT_SERVING_STATUSES)(
    "is refused beside a sidecar that is the guard too when %s",
    ([, status]) => {
      expect(debugged({ ...together, status })).toMatchObject(refused);
    },
  );

  test("is refused when only the client's own object says that the guard has ended", () => {
    expect(debugged(withRole, started(withRole))).toMatchObject(refused);
  });

  test.for([
    7,
    [],
    { conditions: 7, initContainerStatuses: "x" },
    { conditions: [null], containerStatuses: {} },
  ])("is refused beside the odd status %j", (status) => {
    expect(debugged({ ...withRole, status } as unknown as Pod)).toMatchObject(refused);
  });

  test("is refused in a pod whose processes can end the sandbox", () => {
    const shared = injected(plainPod({ shareProcessNamespace: true }));
    expect(debugged(started(shared))).toMatchObject(refused);
  });

  test("is admitted at any time in a pod without a guard", () => {
    const known = facts({ annotations: { [ANNOTATION.guard]: "off" } });
    const unguarded = injected(pod({}, { [ANNOTATION.role]: BILLING }), known);
    expect(debugged(unguarded)).toMatchObject({ decision: "inject", findings: [] });
  });

  test("that is there already is not asked about again", () => {
    const has = { ...withRole, spec: { ...withRole.spec, ephemeralContainers: [debugger_] } };
    expect(debugged(has)).toMatchObject({ decision: "allow", findings: [] });
  });
});
