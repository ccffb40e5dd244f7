import type { Environment } from "../../io.ts";
import type { Paint } from "../../print/paint.ts";
import type { DemoSource } from "../stage.ts";

/** What was shown this time. */
export interface Shown {
  readonly source: DemoSource;
  readonly isVerbose: boolean;
  readonly skipped: string | undefined;
}

/** What to try after the demo: command lines that work where the demo was called. Pure. */
export function nextSteps(shown: Shown, env: Environment, paint: Paint): string {
  const lines = commandsFor(shown, env);
  const width = Math.max(...lines.map(([command]) => command.length));
  const written = lines.map(([command, about], index) => {
    const margin = index === 0 ? paint("bold", "Next: ") : " ".repeat(6);
    return `${margin}${command.padEnd(width)}  ${paint("dim", about)}\n`;
  });
  return `\n${written.join("")}`;
}

/** @returns each command line, and what it is for */
export function commandsFor(
  { source, isVerbose, skipped }: Shown,
  env: Environment,
): readonly (readonly [command: string, about: string])[] {
  // In a checkout, started by npm. npx finds the Node that the package brings.
  const isCheckout = env["npm_lifecycle_event"] === "demo";
  const demo = (option: string): string =>
    isCheckout ? `npm run demo${option && ` -- ${option}`}` : `podrole demo${option && ` ${option}`}`;
  const podrole = isCheckout ? "npx node dist/cli.mjs" : "podrole";
  return [
    ...(isVerbose ? [] : [[demo("--verbose"), "each step and each patch in full"] as const]),
    ...(source === "broker"
      ? []
      : [[demo("--source broker"), "for clusters without a public issuer"] as const]),
    ...(skipped?.includes("root") === true
      ? [
          [
            `sudo ${demo(source === "broker" ? "--source broker" : "")}`,
            "with the guard and the node's role",
          ] as const,
        ]
      : []),
    [`${podrole} explain -f YOUR.yaml --offline`, "what your own pod would get, and why"],
  ];
}
