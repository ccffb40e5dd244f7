import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { auditLog } from "../../injector/broker/audit.ts";
import { refreshAt } from "../../sidecar/engine/schedule.ts";
import { rig, SESSION } from "../injector/broker/broker-rig.ts";
import { facts, clusterOf } from "../support/facts.ts";
import { logLines } from "../support/log-lines.ts";
import { thrown } from "../support/thrown.ts";
import { textOf } from "./docs/tree.ts";

const FILE = "deploy/docs/broker.md";
const page = textOf(FILE);

test("deploy/docs/broker.md shows the lines that the broker writes", async () => {
  const allowed = rig();
  await allowed.ask();
  const withdrawn = rig({ cluster: clusterOf(facts()) });
  await thrown(() => withdrawn.ask());
  const { log, lines } = logLines();
  const write = auditLog(log, allowed.clock);
  for (const plan of allowed.plans) write({ kind: "made", plan, session: SESSION });
  for (const event of [...allowed.outcomes, ...withdrawn.outcomes]) write(event);
  const shown = lines.map((line) => JSON.stringify({ ...line, level: undefined, time: undefined }));
  const filled = page.replace(
    /<!-- audit -->[^]*?<!-- \/audit -->/,
    () => `<!-- audit -->\n\n\`\`\`json\n${shown.join("\n")}\n\`\`\`\n\n<!-- /audit -->`,
  );
  await expect(filled).toMatchFileSnapshot(fileURLToPath(new URL(`../../${FILE}`, import.meta.url)));
});

test("deploy/docs/broker.md says when a session is renewed", () => {
  const rows = [60, 30, 15].map((minutes) => {
    const [first, last] = [0.999, 0].map((chance) =>
      Math.round(refreshAt(0, minutes * 60_000, () => chance) / 60_000),
    );
    return { minutes, first, last };
  });
  for (const { minutes, first, last } of rows)
    expect(page).toMatch(
      new RegExp(`\\| (?:${minutes} minutes|1 hour).* \\| ${first} to ${last} minutes \\|`),
    );
});
