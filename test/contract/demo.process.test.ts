import { execFile, spawn, type ExecFileException } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { DemoResult } from "../../injector/cli/demo/print/result.ts";
import { comparable, terminalPicture } from "../support/terminal-picture.ts";
import { until } from "../support/until.ts";

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const CLI = at("dist/cli.mjs");
const PICTURE = at("deploy/docs/images/demo.svg");
const isRoot = process.getuid?.() === 0;
/** Runs a command as a user other than root. */
const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for temporary files. It is also in PATH, which marks every process of one run. */
function marker(): string {
  const folder = mkdtempSync(join(tmpdir(), "demo-test-"));
  chmodSync(folder, 0o777);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const environment = (mark: string) => ({ PATH: `${process.env["PATH"]}:${mark}`, TMPDIR: mark, HOME: mark });

/** Runs in another folder: the demo has to find its examples from anywhere. */
function run(argv: readonly string[], mark: string, more: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const [command = "", ...args] = argv;
  return new Promise((resolve) => {
    const env = { ...environment(mark), ...more };
    const options = { env, cwd: "/", maxBuffer: 1e8, timeout: 120_000 };
    execFile(command, args, options, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** The output of a run that succeeds; a failed run fails the test with all its output. */
async function shown(argv: readonly string[], mark: string): Promise<string> {
  const ran = await run(argv, mark);
  if (ran.code !== 0) throw new Error(JSON.stringify(ran));
  // With --json, the other output is what a person reads.
  expectOneScreen(argv.includes("--json") ? ran.stderr : ran.stdout);
  return ran.stdout;
}

/** Of a terminal of usual size, in plain text. */
function expectOneScreen(text: string): void {
  const lines = text.trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(45);
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
  expect(text).not.toContain("\u001B");
  expect(text).toContain(POD_ARN);
  expect(text).toContain("nothing is left behind");
}

const demo = (...args: readonly string[]): readonly string[] => [process.execPath, CLI, "demo", ...args];

/** The processes of a run, found by the folder in their PATH. Unnamed namespaces exist as long as these. */
const processesOf = (mark: string): readonly string[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && contentOf(`/proc/${name}/environ`).includes(mark))
    .map((pid) => contentOf(`/proc/${pid}/cmdline`).replaceAll("\0", " "));

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process has ended or belongs to another user.
    return "";
  }
}

/** What a run has left behind: processes, files, mounts. */
const leftBy = (mark: string): readonly string[] => [
  ...(process.platform === "linux" ? processesOf(mark) : []),
  ...readdirSync(mark),
  ...contentOf("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line.includes(mark)),
];

beforeAll(async () => {
  const { code, stderr } = await run(["npm", "--prefix", at("."), "run", "--silent", "build"], tmpdir());
  if (code !== 0) throw new Error(`the build failed: ${stderr}`);
}, 60_000);

const POD_ARN = "arn:aws:sts::111122223333:assumed-role/shop-orders/shop.orders";
const ARCHIVE_ARN = "arn:aws:sts::111122223333:assumed-role/shop-orders-archive/shop.orders";

describe("podrole demo --json", () => {
  test("shows that the pod has its own role, and cleans up", async () => {
    const mark = marker();
    const stdout = await shown(demo("--json"), mark);
    const { examples, ...result } = JSON.parse(stdout) as DemoResult;
    expect(result).toMatchObject({ ok: true, podArn: POD_ARN });
    expect(Object.entries(result.identities).map(([container, { arn }]) => [container, arn])).toEqual([
      ["fetch-catalog", POD_ARN],
      ["archive", ARCHIVE_ARN],
      ["intake", POD_ARN],
    ]);
    expect(leftBy(mark)).toEqual([]);
    // Every example is patched, without a warning.
    expect(examples.map(({ object, decision, warnings }) => [object, decision, ...warnings])).toEqual([
      ["Deployment shop/catalog", "patched"],
      ["Job shop/import-products", "patched"],
      ["CronJob shop/nightly-report", "patched"],
      ["Pod shop/partner-sync", "patched"],
      ["Pod shop/orders", "patched"],
      ["Pod shop/price-server", "patched"],
      ["Pod shop/static-site", "patched"],
    ]);
  });

  test("shows as root that a plain app gets the node's role without the guard and none with it", async (context) => {
    const stdout = await shown(demo("--json"), marker());
    const { skipped, before, after, nodeArn } = JSON.parse(stdout) as DemoResult;
    if (skipped !== undefined) return context.skip(skipped);
    expect(nodeArn).toContain(":assumed-role/node-role/");
    expect(before?.requests).toBeGreaterThan(0);
    expect(after).toMatchObject({ requests: 0, report: { error: expect.any(String) as string } });
    expect(after?.report.attempts.map(({ outcome }) => outcome)).toContain("ECONNREFUSED");
    return undefined;
  });

  test("runs guard and sidecar in one container as well", async (context) => {
    const mark = marker();
    const stdout = await shown(demo("--json", "--guard-container", "sidecar"), mark);
    const { skipped, after, ...result } = JSON.parse(stdout) as DemoResult;
    if (skipped !== undefined) return context.skip(skipped);
    expect(result).toMatchObject({ ok: true, podArn: POD_ARN });
    expect(after).toMatchObject({ requests: 0 });
    expect(leftBy(mark)).toEqual([]);
    return undefined;
  });

  test("shows of source broker which session it makes, and what it refuses", async () => {
    const mark = marker();
    const stdout = await shown(demo("--json", "--source", "broker"), mark);
    const { broker, ...result } = JSON.parse(stdout) as DemoResult;
    expect(result).toMatchObject({ ok: true, podArn: POD_ARN });
    expect(broker).toMatchObject({
      call: {
        action: "AssumeRole",
        caller: "arn:aws:iam::111122223333:user/podrole-broker",
        sessionName: "shop.orders",
        sourceIdentity: "shop.orders",
        tags: { "kubernetes-namespace": "shop", "kubernetes-pod-name": "orders" },
      },
      otherRole: { status: 403, code: "ROLE_NOT_OF_POD" },
      notInjected: { status: 403, code: "POD_NOT_INJECTED" },
      withdrawn: { code: "ROLE_NOT_ALLOWED" },
      stopped: { error: "ECONNREFUSED" },
      withoutBroker: { container: "intake", arn: POD_ARN },
    });
    // Of a JWT, each part begins so.
    expect(stdout).not.toContain("eyJ");
    expect(leftBy(mark)).toEqual([]);
  });

  test.for(["web-identity", "broker"])(
    "also runs the pod without root, with source %s, and says what it skipped",
    async (source, context) => {
      const mark = marker();
      const argv = demo("--json", "--source", source);
      if (isRoot && (await run([...NOBODY, process.execPath, CLI, "--version"], mark)).code !== 0)
        return context.skip("nobody else may read this folder");
      expect(JSON.parse(await shown(isRoot ? [...NOBODY, ...argv] : argv, mark))).toMatchObject({
        ok: true,
        podArn: POD_ARN,
        skipped: "making network namespaces takes root",
      });
      expect(leftBy(mark)).toEqual([]);
      return undefined;
    },
  );
});

describe("podrole demo", () => {
  test("tells its story on one screen", async () => {
    const stdout = await shown(demo(), marker());
    const inOrder = [
      "✓ The webhook",
      "✓ 7 example pods sent to the webhook     6 got guard and sidecar, 1 got guard",
      "+     - name: podrole-guard",
      "✓ podrole-sidecar gets the pod's session credentials held",
      "✓ intake calls GetCallerIdentity         assumed-role/shop-orders/shop.orders",
      `the pod is      ${POD_ARN}`,
      "Next: podrole demo --verbose",
    ].map((text) => stdout.indexOf(text));
    expect(inOrder).not.toContain(-1);
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
  });

  test("is as the picture in the README shows it", async (context) => {
    // As npm starts it, but for the two lines that npm writes before.
    const asByNpm = { FORCE_COLOR: "1", npm_lifecycle_event: "demo" };
    const { stdout } = await run(demo(), marker(), asByNpm);
    if (!stdout.includes("fd00:ec2::254")) return context.skip("it shows networks, and IPv6 in them");
    const fresh = terminalPicture("npm run demo", stdout);
    const recorded = contentOf(PICTURE);
    // A run that only took other times is no reason to record it again.
    const same = comparable(fresh) === comparable(recorded);
    await expect(same ? recorded : fresh).toMatchFileSnapshot(PICTURE);
    return undefined;
  });

  test("shows with --verbose each example with the whole of its patch, and every step", async () => {
    const { code, stdout } = await run(demo("--verbose"), marker());
    expect(code).toBe(0);
    for (const file of ["deployment", "job", "cronjob", "pod-arn-external-id", "pod-unannotated"])
      expect(stdout).toContain(`✓ ${file}.yaml, `);
    expect(stdout).toMatch(/^ {4}\+ {7}terminationMessagePolicy: /m);
    expect(stdout).toContain("✓ The kubelet replaces the tokens in the pod's volumes");
  });

  test("shows of a failed step what its process wrote, and ends with 1", async () => {
    const mark = marker();
    const dist = join(mark, "dist");
    cpSync(at("dist"), dist, { recursive: true });
    const broken = 'console.log("a line of log"); console.error("the reason"); process.exit(7);';
    writeFileSync(join(dist, "sidecar.cjs"), broken);
    const { code, stdout } = await run([process.execPath, join(dist, "cli.mjs"), "demo"], mark);
    rmSync(dist, { recursive: true });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^✗ podrole-(?:guard|sidecar) .* failed .*\n {2}\| a line of log\n {2}\| the reason\n/m,
    );
    expect(stdout).toMatch(/^ {2}DEMO_CONTAINER_FAILED: Container podrole-(?:guard|sidecar) ended with 7: /m);
    expect(stdout).not.toContain("Next: ");
    expect(leftBy(mark)).toEqual([]);
  });

  test.each([
    ["The webhook", "web-identity"],
    ["podrole-sidecar gets", "web-identity"],
    ["The broker", "broker"],
    ["A pod that the webhook never saw", "broker"],
  ])("cleans up when it is interrupted after the step %s, with source %s", async (step, source) => {
    const mark = marker();
    const child = spawn(process.execPath, [CLI, "demo", "--source", source], {
      env: environment(mark),
      cwd: "/",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ended = new Promise((resolve) => void child.once("close", resolve));
    await until(step, () => (output.includes(`✓ ${step}`) ? true : undefined));
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(output).toContain("DEMO_INTERRUPTED");
    expect(leftBy(mark)).toEqual([]);
    return undefined;
  });

  test("ends and cleans up when its output is closed", async () => {
    const mark = marker();
    const child = spawn(process.execPath, [CLI, "demo"], { env: environment(mark), cwd: "/" });
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await new Promise((resolve) => void child.once("exit", resolve))).toBe(1);
    expect(leftBy(mark)).toEqual([]);
  });

  test("refuses a folder without manifests before it starts anything", async () => {
    const mark = marker();
    const { code, stdout, stderr } = await run(demo("--examples", mark), mark);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe(`FILE_UNREADABLE: ${mark} holds no manifests.\n`);
  });
});
