/** A node as the API server lists it; ready and for pods, unless `over` says otherwise. */
export const node = (name: string, labels: Readonly<Record<string, string>>, over: object = {}) => ({
  metadata: {
    name,
    labels: { "kubernetes.io/os": "linux", ...labels },
    creationTimestamp: "2026-11-01T00:00:00Z",
  },
  spec: {},
  status: {
    conditions: [
      { type: "MemoryPressure", status: "False" },
      { type: "Ready", status: "True" },
    ],
  },
  ...over,
});

export const NODEGROUP = "eks.amazonaws.com/nodegroup";

/** `containerStatuses` of a container that has ended. */
export const ended = (
  exitCode: number,
  message = exitCode === 0 ? "podrole guard: neither a token nor credentials can be had" : "",
  reason = exitCode === 0 ? "Completed" : "Error",
) => ({
  phase: exitCode === 0 ? "Succeeded" : "Failed",
  containerStatuses: [{ name: "podrole-guard", state: { terminated: { exitCode, reason, message } } }],
});
