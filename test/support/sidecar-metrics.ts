import { createMetrics } from "../../sidecar/wire/metrics.ts";

/** A metric family of a sidecar that has counted everything once. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** The label of its samples, if any. */
  readonly label: string | undefined;
}

/** Every metric family of the sidecar, read from its own output. */
export function sidecarMetrics(): readonly Family[] {
  const metrics = createMetrics();
  metrics.countSts("Success");
  metrics.countAnswer(200);
  metrics.countImds(200);
  const text = metrics.text({
    expiresAt: { pod: 1 },
    guard: "verify",
    imdsReachable: false,
    imdsUnproven: false,
  });
  return [...text.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\S+)\n[a-z_]+(?:\{(\w+)=)?/gm)].map(
    ([, name = "", help = "", type = "", label]) => ({ name, type, help, label }),
  );
}
