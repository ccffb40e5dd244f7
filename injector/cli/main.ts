#!/usr/bin/env node
import { unfitNode } from "./node-version.ts";

// The program is loaded behind the check: in an older Node, some of its modules fail while they are loaded.
const unfit = unfitNode(process.version, process.execPath);
if (unfit === undefined) await import("./process.ts");
else {
  process.stderr.write(`${unfit}\n`);
  process.exitCode = 2;
}
