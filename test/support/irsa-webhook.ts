import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import { freePort } from "./free-port.ts";

/** The webhook that EKS runs for IRSA and Pod Identity, beside which podrole is tried and measured. */
const MODULE = "github.com/aws/amazon-eks-pod-identity-webhook";
/** Of v0.6.9 and later only sources are published: `PODROLE_IRSA_WEBHOOK` can name a program that was built from them. */
const VERSION = "v0.6.9";
const BUILD_MS = 300_000;

/** A program, or the reason why there is none. */
export type Built = { readonly program: string } | { readonly why: string };

/**
 * The program that the variable PODROLE_IRSA_WEBHOOK names, or one that Go builds into a temporary folder. Both modules
 * and Go's own cache stay where Go keeps them.
 */
export async function irsaWebhook(): Promise<Built> {
  const named = process.env["PODROLE_IRSA_WEBHOOK"];
  if (named !== undefined && named !== "") return { program: named };
  const folder = mkdtempSync(join(tmpdir(), "podrole-irsa-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  try {
    await promisify(execFile)("go", ["install", `${MODULE}@${VERSION}`], {
      env: { ...process.env, GOBIN: folder, GOFLAGS: "-trimpath" },
      timeout: BUILD_MS,
    });
    return { program: join(folder, "amazon-eks-pod-identity-webhook") };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return {
      why: `IRSA's webhook could not be built (${text.split("\n").slice(0, 2).join(" ")}). PODROLE_IRSA_WEBHOOK can name its program.`,
    };
  }
}

/** Files of a certificate that is valid for 127.0.0.1. */
interface Serving {
  readonly cert: string;
  readonly key: string;
}

/**
 * Starts it at an API server.
 * @param flags more flags of the program
 * @returns the process, which ends with this program at the latest
 */
export async function startIrsa(
  program: string,
  folder: string,
  port: number,
  { cert, key }: Serving,
  account: KubeConfig,
  ...flags: readonly string[]
): Promise<ChildProcess> {
  const kubeconfig = join(folder, "irsa.kubeconfig");
  writeFileSync(kubeconfig, account.exportConfig(), { mode: 0o600 });
  const child = spawn(
    program,
    [
      "--in-cluster=false",
      `--kubeconfig=${kubeconfig}`,
      `--port=${port}`,
      `--metrics-port=${await freePort()}`,
      `--tls-cert=${cert}`,
      `--tls-key=${key}`,
      "--aws-default-region=eu-west-1",
      ...flags,
    ],
    { stdio: "ignore" },
  );
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}
