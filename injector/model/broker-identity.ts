/**
 * Where the broker's own AWS identity comes from: the chart's `broker.identity.type`, the broker's `--identity` and the trust policy's
 * `--broker-identity`. With `secret` the keys are in variables, which the chart fills from a Secret.
 */
export const BROKER_IDENTITIES = ["web-identity", "node", "secret"] as const;
export type BrokerIdentityType = (typeof BROKER_IDENTITIES)[number];
