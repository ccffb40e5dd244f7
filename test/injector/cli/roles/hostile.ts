import type { RoleArn } from "../../../../injector/model/arn.ts";
import type { Report } from "../../../../injector/cli/roles/report.ts";
import { smallCluster } from "../../../support/role-cluster.ts";
import { reportOf } from "../../../support/role-report.ts";

const SCRIPT = `</script></td><script>alert("script")</script>`;
const IMAGE = `<img src="https://far.invalid/x.png" onerror="alert('image')">`;
const ATTRIBUTE = `" onmouseover="alert('attribute')" x="`;
const LONG = "long-".repeat(1000);

export const HOSTILE = {
  shown: [SCRIPT, IMAGE, ATTRIBUTE, LONG, "<!--", "]]>", "${alert(1)}", "admin txt"],
} as const;

/** A report in which whatever is from a cluster is an attack, wherever its text stands. */
export function hostileReport(): Report {
  const report = reportOf(smallCluster());
  const [row] = report.rows;
  if (row === undefined) throw new Error("no row");
  const base = { ...row, source: ATTRIBUTE, rule: SCRIPT };
  return {
    ...report,
    namespace: SCRIPT,
    from: IMAGE,
    rows: [
      {
        ...base,
        namespace: SCRIPT,
        serviceAccount: IMAGE,
        name: ATTRIBUTE,
        role: `arn:aws:iam::1:role/${SCRIPT}` as RoleArn,
      },
      {
        ...base,
        namespace: LONG,
        serviceAccount: LONG,
        name: LONG,
        role: `arn:aws:iam::1:role/${LONG}` as RoleArn,
      },
      { ...base, namespace: "__proto__", serviceAccount: "constructor", name: "<!--", container: "]]>" },
      {
        ...base,
        name: "admin\u202etxt",
        now: { kind: "refused", code: SCRIPT, message: IMAGE, ends: false },
      },
      { ...base, refusal: { code: IMAGE, message: SCRIPT, at: ATTRIBUTE, isCurrent: true } },
      { ...base, now: { kind: "unknown", why: SCRIPT } },
      { ...base, now: { kind: "other-role", role: IMAGE as RoleArn, from: SCRIPT } },
    ],
    plain: [
      { kind: SCRIPT, namespace: IMAGE, name: SCRIPT, serviceAccount: ATTRIBUTE, guard: "off", wouldGet: [] },
    ],
    reach: [
      {
        namespace: SCRIPT,
        serviceAccounts: [IMAGE, ATTRIBUTE, "a", "b", "c", "d", "e", SCRIPT],
        isHandled: true,
        open: SCRIPT,
        rules: [{ rule: IMAGE, effect: "Allow", patterns: [SCRIPT, "${alert(1)}"] }],
        roles: [{ role: ATTRIBUTE as RoleArn, rule: IMAGE, pods: 0 }],
      },
    ],
    notes: [SCRIPT, IMAGE],
  };
}
