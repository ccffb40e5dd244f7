import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client, Making } from "./clients.ts";
import { excuse, type Ran } from "../support/excuse.ts";
import { canImport, PYTHON } from "./python.ts";

/** A client that is ready to run, or why it is not: `failed` is the project's fault, `skipped` the machine's. */
export type Built =
  | { readonly kind: "ready"; readonly argv: readonly string[] }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "failed"; readonly output: string };

/** Successful builds are kept there, by what they were made from. */
const CACHE = process.env["PODROLE_SDK_CACHE"] ?? join(tmpdir(), `podrole-sdk-${process.getuid?.() ?? 0}`);

export async function build({ id, making }: Client): Promise<Built> {
  const sources = fileURLToPath(new URL(`clients/${id}`, import.meta.url));
  if (making.by === "nothing") return { kind: "ready", argv: [process.execPath, join(sources, "client.ts")] };
  if (making.by === "python") return python(making, sources);
  if (making.by === "ruby") return ruby(sources);

  const folder = join(CACHE, `${id}-${await hashOf(sources)}`);
  if (await exists(join(folder, "built"))) return { kind: "ready", argv: argvOf(making.by, folder) };
  await rm(folder, { recursive: true, force: true });
  await mkdir(CACHE, { recursive: true, mode: 0o700 });
  await cp(sources, folder, { recursive: true });
  for (const [program = "", ...args] of STEPS[making.by]) {
    const ran = await run(program, args, folder);
    if (ran.code === 0) continue;
    await rm(folder, { recursive: true, force: true });
    const reason = excuse(program, ran);
    return reason === undefined ? { kind: "failed", output: ran.output } : { kind: "skipped", reason };
  }
  if (making.by === "cargo") {
    await rename(join(folder, "target/release/client"), join(folder, "client"));
    await rm(join(folder, "target"), { recursive: true });
  }
  await writeFile(join(folder, "built"), "");
  return { kind: "ready", argv: argvOf(making.by, folder) };
}

type Toolchain = "go" | "cargo" | "maven" | "npm";

const STEPS: Readonly<Record<Toolchain, readonly (readonly string[])[]>> = {
  go: [["go", "build", "-o", "client", "."]],
  cargo: [["cargo", "build", "--release", "--quiet", "--target-dir", "target"]],
  maven: [
    ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"],
    ["javac", "-cp", "jars/*", "-d", "classes", "Client.java"],
  ],
  npm: [["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]],
};

function argvOf(by: Toolchain, folder: string): readonly string[] {
  const classes = `${folder}/jars/*:${folder}/classes`;
  if (by === "maven")
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes, "Client"];
  if (by === "npm") return [process.execPath, join(folder, "client.cjs")];
  return [join(folder, "client")];
}

function python(making: Extract<Making, { by: "python" }>, sources: string): Built {
  if (!canImport(making.module)) return { kind: "skipped", reason: `no ${making.module} in Python` };
  return {
    kind: "ready",
    argv: [PYTHON, ...(making.isCommand === true ? ["-m", making.module] : [join(sources, "client.py")])],
  };
}

/** The first version of aws-sdk-core that reads AWS_CONTAINER_CREDENTIALS_FULL_URI. */
const RUBY_SINCE = "3.188";

async function ruby(sources: string): Promise<Built> {
  const version = "aws-sdk-core #{Aws::CORE_GEM_VERSION}";
  const isOld = `Gem::Version.new(Aws::CORE_GEM_VERSION) < Gem::Version.new("${RUBY_SINCE}")`;
  const program = `require "aws-sdk-core"; abort "${version} is older than ${RUBY_SINCE}" if ${isOld}`;
  const asked = await run("ruby", ["-e", program], sources);
  if (asked.code === 0) return { kind: "ready", argv: ["ruby", join(sources, "client.rb")] };
  if (asked.code === undefined) return { kind: "skipped", reason: "no ruby" };
  const reason = /aws-sdk-core \S+ is older than \S+/.exec(asked.output)?.[0] ?? "no aws-sdk-core in Ruby";
  return { kind: "skipped", reason };
}

function run(program: string, args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"], timeout: 600_000 });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", () => resolve({ code: undefined, output }));
    child.once("close", (code) => resolve({ code: code ?? -1, output }));
  });
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash("sha256").update(process.arch);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) hash.update(file).update(await readFile(file));
  return hash.digest("hex").slice(0, 16);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
