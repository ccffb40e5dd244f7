import { readGrant } from "../../injector/cluster/grant-index.ts";
import { gatherer, reaches } from "../../injector/cli/roles/gather.ts";
import { surroundingsFrom } from "../../injector/cli/roles/read/surroundings.ts";
import type { Report } from "../../injector/cli/roles/report.ts";
import type { RoleRow } from "../../injector/cli/roles/rows/row.ts";
import { config } from "./config.ts";
import { ACCOUNT, base } from "./facts.ts";
import type { Objects } from "./role-cluster.ts";

const AT = "2026-11-29T15:00:00.000Z";

/** The report of a cluster of these objects, at the same moment each time. */
export function reportOf(objects: Objects): Report {
  const of = (kind: string): Objects => objects.filter((one) => one["kind"] === kind);
  const surroundings = surroundingsFrom(
    { namespaces: of("Namespace"), accounts: of("ServiceAccount"), grants: of("RoleGrant").map(readGrant) },
    config({ policy: "enforce", baseRoleArn: base(ACCOUNT), sourceOverride: ["broker"] }),
  );
  const { config: settings, factsOf } = surroundings;
  const { image } = settings;
  const gathering = gatherer({ config: settings, image, factsOf, choice: {}, fallback: "default" });
  gathering.add(of("Pod"));
  const gathered = gathering.done();
  return {
    namespace: undefined,
    from: "https://shop.eks.example",
    at: AT,
    rows: gathered.rows,
    plain: gathered.plain,
    notHandled: gathered.notHandled,
    reach: reaches(surroundings, gathered, {}),
    notes: [],
  };
}

/** The same with a session of each pod that was not refused one. */
export function withSessions(report: Report): Report {
  const rows = report.rows.map((row, index): RoleRow => {
    if (row.refusal !== undefined) return row;
    const expiresAt = new Date(Date.parse(AT) + (7 + ((index * 13) % 53)) * 60_000).toISOString();
    return { ...row, session: { isHeld: true, expiresAt, refusals: {} } };
  });
  return { ...report, rows };
}
