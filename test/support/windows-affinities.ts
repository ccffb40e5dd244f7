/** Node selector terms, and whether nothing but a Windows node matches them. For the webhook's decision and the policy's. */

const expression = (values: readonly string[], operator = "In", key = "kubernetes.io/os") => ({
  key,
  operator,
  values,
});
const term = (...matchExpressions: readonly object[]) => ({ matchExpressions });
const windows = expression(["windows"]);
const gpu = expression(["true"], "In", "gpu");
const byName = { key: "metadata.name", operator: "In", values: ["a"] };

export type Affinity = readonly [
  what: string,
  kind: "skip" | "inject",
  terms: readonly object[],
  preferred?: boolean,
];

export const AFFINITIES: readonly Affinity[] = [
  ["is required", "skip", [term(windows)]],
  ["is required by the old label", "skip", [term(expression(["windows"], "In", "beta.kubernetes.io/os"))]],
  ["is required beside another label", "skip", [term(gpu, windows)]],
  ["is required beside a node's name", "skip", [{ ...term(windows), matchFields: [byName] }]],
  ["is required by each term", "skip", [term(windows, gpu), term(windows)]],
  ["is required by one term of two", "inject", [term(windows), term(gpu)]],
  ["is required by one term beside one that is empty", "inject", [term(windows), {}]],
  ["is one of two systems", "inject", [term(expression(["windows", "linux"]))]],
  ["is excluded", "inject", [term(expression(["windows"], "NotIn"))]],
  ["is the exclusion of Linux", "inject", [term(expression(["linux"], "NotIn"))]],
  ["is by a label of somebody's", "inject", [term(expression(["windows"], "In", "os"))]],
  ["is in capitals", "inject", [term(expression(["Windows"]))]],
  ["names a node alone", "inject", [{ matchFields: [byName] }]],
  ["is preferred", "inject", [term(windows)], true],
];
