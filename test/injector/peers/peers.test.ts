import { describe, expect, test } from "vitest";
import type { InjectorConfig } from "../../../injector/config/installation.ts";
import { config } from "../../support/config.ts";
import { base, facts, role } from "../../support/facts.ts";
import { admitted, denials, pod } from "../../support/pods.ts";
import { KIAM } from "./kiam.ts";
import { KUBE2IAM } from "./kube2iam.ts";
import { ACCOUNT, NONE, REFUSED, type Row } from "./row.ts";

/**
 * Examples of annotations from the documentation and tests of kube2iam and kiam, with the peer's result. podrole must
 * have the same result. A row with another result says why.
 */

/** A cluster after migration: the base ARN that the peer had, and a hub if the peer had its own identity. */
const MOVED: Partial<InjectorConfig> = { baseRoleArn: base(ACCOUNT), hubRole: role(`${ACCOUNT}hub`) };
/** The expected codes: a denial for another reason would be an accident. */
const REASONS: ReadonlySet<string> = new Set(["ROLE_NOT_ALLOWED", "ROLE_MALFORMED", "HOST_NETWORK"]);

function outcome({ pod: annotations, namespace = {}, settings, asking, hostNetwork }: Row): string {
  const one = pod(hostNetwork === undefined ? {} : { hostNetwork }, annotations);
  const around = [facts({ annotations: namespace }), config({ ...MOVED, ...settings })] as const;
  const result = admitted(one, ...around);
  if (result.kind !== "inject") {
    const reasons = denials(one, ...around);
    return reasons.every((code) => REASONS.has(code)) ? REFUSED : reasons.join();
  }
  if (result.sidecar === undefined) return NONE;
  if (asking === "session") return result.sidecar.sessionName;
  if (asking === "externalId") return result.sidecar.identities[0]?.steps.at(-1)?.externalId ?? "";
  return result.sidecar.identities[0]?.role ?? "";
}

describe.for(Object.entries({ kube2iam: KUBE2IAM, kiam: KIAM }))("%s", ([, tables]) => {
  describe.for(Object.entries<readonly Row[]>(tables))("%s", ([, rows]) => {
    test.for(rows.map((row) => [row.example, row] as const))("%s", ([, row]) => {
      expect(outcome(row)).toBe(row.ours?.[0] ?? row.theirs);
      // A row that says that results differ must differ.
      expect(row.ours?.[0]).not.toBe(row.theirs);
    });
  });
});
