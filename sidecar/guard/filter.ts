import type { RuleInput } from "./rules.ts";

/** One way to hold the addresses: a program of the image and a part of the kernel that takes its rules. */
export interface PacketFilter {
  /** As a person is told of it. */
  readonly name: string;
  /** Whether the frames of packet sockets meet a rule too. */
  readonly egressHook: boolean;
  /**
   * All of the rules or, if it throws, none of them.
   * @throws CodedError, `GUARD_NO_PACKET_FILTER` or `GUARD_NO_EGRESS_HOOK` where the kernel or the image lacks it
   */
  put(input: RuleInput): Promise<void>;
  read(input: RuleInput): Promise<Standing>;
  /** How often the rules in the kernel have reset a connection to each address. */
  resets(input: RuleInput): Promise<Resets>;
}

/** By address. */
export type Resets = ReadonlyMap<string, number>;

/** What is in the kernel, compared with what was to be. */
export interface Standing {
  /** What is wrong, in words. Empty: the rules are exactly those of the guard. */
  readonly differences: readonly string[];
  readonly resets: Resets;
  /** Chains that hang on a hook. */
  readonly hooks: number;
  /** Interfaces of which every frame is looked at. */
  readonly interfaces: number;
}
