import { expect, test } from "vitest";
import { OLDEST_NODE, unfitNode } from "../../../injector/cli/node-version.ts";

test.for(["v16.20.2", "v18.20.8", "v20.20.2", "v22.18.0"])(
  "podrole does not start in Node %s, and names the Node that it needs",
  (version) => {
    expect(unfitNode(version, "/usr/bin/node")).toBe(
      `NODE_TOO_OLD: podrole needs Node 22.19 or newer, and /usr/bin/node is Node ${version.slice(1)}.`,
    );
  },
);

test.for([`v${OLDEST_NODE}`, "v22.23.3", "v24.0.0", "v26.1.0-nightly2026"])(
  "podrole starts in Node %s",
  (version) => {
    expect(unfitNode(version, "/usr/bin/node")).toBeUndefined();
  },
);
