import type { Parsed, Shape } from "../kit/env.ts";
import type { StsAction } from "../sts/role-request.ts";
import type { Chain, Issue } from "../sts/chain.ts";

/**
 * One way for the sidecar to get an identity of its own, with everything that depends on it. Another source needs one file
 * like those beside this one, its name in the contract, and its entry in {@link file://./sources.ts}.
 */
export interface IdentitySource<S extends Shape = Shape> {
  /** The variables that only this source reads. */
  readonly settings: S;
  /** Whether the sidecar itself calls STS; else it knows its roles only by name. */
  readonly callsSts: boolean;
  /** The STS call of an identity's first step: AssumeRoleWithWebIdentity takes neither external id nor tags. */
  readonly firstAction: StsAction;
  /**
   * Whether the guard lets the sidecar's uid through to the metadata service. If so, the sidecar cannot check the guard by
   * connecting, and the emulated metadata service may pass on answers of the node's.
   */
  readonly reachesMetadata: boolean;
  /** One attempt at the identity's credentials, to be called again and again. */
  issuer(settings: Parsed<S>, chain: Chain): Issue;
}

/** Ties the types of a source's settings to its issuer. */
export const defineSource = <const S extends Shape>(source: IdentitySource<S>): IdentitySource<S> => source;
