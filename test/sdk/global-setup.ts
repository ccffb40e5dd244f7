import type { TestProject } from "vitest/node";
import { build, type Built } from "./build.ts";
import { CLIENTS } from "./clients.ts";
import { canImport, PYTHON } from "./python.ts";

declare module "vitest" {
  interface ProvidedContext {
    built: Readonly<Record<string, Built>>;
  }
}

/** Builds the clients before any test is collected, so that a title can say which are skipped. */
export async function setup(project: TestProject): Promise<void> {
  const built: Record<string, Built> = {};
  // Without moto nothing will run, and the compilers need not either.
  if (!canImport("moto.server")) {
    const names = CLIENTS.map(({ name }) => name).join(", ");
    process.stdout.write(`skipped, for ${PYTHON} has no moto.server: ${names}\n`);
  } else {
    const queue = [...CLIENTS];
    const work = async (): Promise<void> => {
      for (let client = queue.shift(); client !== undefined; client = queue.shift()) {
        const from = performance.now();
        const made = await build(client);
        built[client.id] = made;
        const seconds = Math.round((performance.now() - from) / 1000);
        if (seconds > 1 || made.kind !== "ready")
          process.stdout.write(`${client.name} ${client.version}: ${made.kind} after ${seconds} s\n`);
      }
    };
    await Promise.all([work(), work()]);
  }
  project.provide("built", built);
}
