import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { REASONS } from "../../injector/cli/trust/against/reason.ts";
import { tableOf } from "./troubleshooting/row.ts";

const FILE = new URL("../../deploy/reference/trust-policies.md", import.meta.url);

test("deploy/reference/trust-policies.md lists every reason of --against", async () => {
  const page = readFileSync(FILE, "utf8");
  const rows = Object.entries(REASONS).map(([code, about]) => ({ says: code, todo: about }));
  const table = tableOf(["reason", "the statement does not let the pod in, because"], rows);
  const filled = page.replace(
    /<!-- reasons -->[^]*?<!-- \/reasons -->/,
    () => `<!-- reasons -->\n\n${table}\n\n<!-- /reasons -->`,
  );
  await expect(filled).toMatchFileSnapshot(fileURLToPath(FILE));
});
