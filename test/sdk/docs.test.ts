import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { programIn } from "../contract/docs/commands.ts";
import { parsePage } from "../contract/docs/markdown.ts";
import { withSamples } from "../contract/docs/samples.ts";
import { commandsIn } from "../contract/docs/shell.ts";
import { PAGES, textOf } from "../contract/docs/tree.ts";
import { freePort } from "../support/free-port.ts";
import { tempFolder } from "../support/temp-files.ts";
import { canImport, PYTHON } from "./python.ts";

/** Runs the AWS CLI with the commands of the docs, where nobody answers: it says so only of what it can send. */

const reason = canImport("awscli") ? undefined : `${PYTHON} has no awscli`;

const COMMANDS = new Map(
  PAGES.flatMap((page) =>
    parsePage(page, textOf(page))
      .fences.filter(({ language }) => language === "sh")
      .flatMap(({ text }) => commandsIn(text))
      .map(({ words }) => programIn(words))
      .filter(([program]) => program === "aws")
      .map(([, ...args]) => [args.join(" "), args.map(withSamples)] as const),
  ),
);
/** What earlier commands of the pages have written, and what the reader has to write. */
const FILES = ["trust.json", "broker-permissions.json", "POLICY", "openid-configuration", "jwks"];

/** All in one process: to load the AWS CLI takes longer than to run it. */
const RUN = `
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
def run(args):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            create_clidriver().main(args)
        except SystemExit:
            pass
    return said.getvalue()
print(json.dumps([run(args) for args in json.load(sys.stdin)]))
`;

async function answersTo(commands: readonly (readonly string[])[]): Promise<readonly string[]> {
  const cwd = tempFolder();
  for (const file of FILES) writeFileSync(join(cwd, file), "{}");
  const nobody = ["--endpoint-url", `http://127.0.0.1:${await freePort()}`];
  const { stdout, stderr } = spawnSync(PYTHON, ["-c", RUN], {
    cwd,
    encoding: "utf8",
    input: JSON.stringify(commands.map((args) => [...args, ...nobody])),
    env: {
      HOME: cwd,
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "example",
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_MAX_ATTEMPTS: "1",
      AWS_EC2_METADATA_DISABLED: "true",
    },
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as readonly string[];
}

describe.skipIf(reason !== undefined)(`the AWS CLI${reason ? `: ${reason}` : ""}`, () => {
  test("can send every command of the docs", async () => {
    expect(COMMANDS.size).toBeGreaterThan(15);
    const answers = await answersTo([...COMMANDS.values()]);
    const refused = [...COMMANDS.keys()].flatMap((command, at) =>
      answers[at]?.includes("Could not connect to the endpoint URL") === true ? [] : [[command, answers[at]]],
    );
    expect(refused).toEqual([]);
  });

  test.for([
    [["iam", "create-role", "--role-name", "x"], "--assume-role-policy-document"],
    [["iam", "get-role", "--role-name", "x", "--polite"], "Unknown options: --polite"],
    [["s3api", "create-bucket", "--bucket", "b", "--create-bucket-configuration", "Place=x"], "Place"],
  ] as const)("would say that it cannot send %j", async ([args, why]) => {
    const [answer] = await answersTo([args]);
    expect(answer).toContain(why);
    expect(answer).not.toContain("Could not connect");
  });
});
