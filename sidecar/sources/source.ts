import type { Parsed, Shape } from "../kit/env.ts";
import type { StsAction } from "../sts/role-request.ts";
import type { Chain, Issue } from "../sts/chain.ts";

/**
 * One way for the sidecar to come by an identity of its own, with everything that depends on it. A further source is a
 * file like those beside this one, its name in the contract and its entry in {@link file://./sources.ts}.
 */
export interface IdentitySource<S extends Shape = Shape> {
  /** The variables that it reads beside those of every sidecar. */
  readonly settings: S;
  /** The STS call of an identity's first step: AssumeRoleWithWebIdentity takes neither external id nor tags. */
  readonly firstAction: StsAction;
  /**
   * Whether the guard lets the sidecar's own uid through to the metadata service. Then a connection of the sidecar's
   * proves nothing of the guard, and the emulated metadata service may pass on what the node's says.
   */
  readonly reachesMetadata: boolean;
  /** One attempt at the identity's credentials, to be called again and again. */
  issuer(settings: Parsed<S>, chain: Chain): Issue;
}

/** Checks a source's own types: a table of several forgets them. */
export const defineSource = <const S extends Shape>(source: IdentitySource<S>): IdentitySource<S> => source;
