import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { IRSA_SWITCHES } from "../../injector/cli/migrate/from/irsa.ts";
import { KIAM_SWITCHES } from "../../injector/cli/migrate/from/kiam.ts";
import { KUBE2IAM_SWITCHES } from "../../injector/cli/migrate/from/kube2iam.ts";
import { DECISIVE } from "../../injector/cli/migrate/from/tool-args.ts";
import { NOTES } from "../../injector/cli/migrate/note.ts";
import { tableOf } from "./troubleshooting/row.ts";

const FILE = new URL("../../deploy/reference/migrate.md", import.meta.url);
const guide = (from: string): string =>
  readFileSync(new URL(`../../deploy/docs/migrate-from-${from}.md`, import.meta.url), "utf8");

test("deploy/reference/migrate.md lists every note of the command", async () => {
  const page = readFileSync(FILE, "utf8");
  const rows = Object.entries(NOTES).map(([code, { about }]) => ({ says: code, todo: about }));
  const table = tableOf(["note", "what it says"], rows);
  const filled = page.replace(
    /<!-- notes -->[^]*?<!-- \/notes -->/,
    () => `<!-- notes -->\n\n${table}\n\n<!-- /notes -->`,
  );
  await expect(filled).toMatchFileSnapshot(fileURLToPath(FILE));
});

/** Of klog, which every program of Kubernetes has, and of programs that only print their version. */
const OF_LOGS = /^(?:.*_.*|alsologtostderr|logtostderr|version|in-cluster|enable-debugging-handlers)$/;

test.for([
  ["kube2iam", KUBE2IAM_SWITCHES],
  ["kiam", KIAM_SWITCHES],
  ["irsa", IRSA_SWITCHES],
] as const)("the guide from %s has a row for every flag that the command knows", ([from, switches]) => {
  const table = guide(from);
  const known = [...switches].filter((flag) => !OF_LOGS.test(flag) && !flag.startsWith("grpc-"));
  expect(known.filter((flag) => !table.includes(`\`--${flag}`))).toEqual([]);
});

test("each flag that decides which role a pod gets is in one of the guides", () => {
  const all = ["kube2iam", "kiam", "irsa"].map(guide).join("\n");
  expect(DECISIVE.filter((flag) => !all.includes(`\`--${flag}`))).toEqual([]);
});
