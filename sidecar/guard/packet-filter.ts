import { METADATA_ADDRESSES } from "../contract/metadata.ts";

/** Everything that the rules depend on. */
export interface RuleInput {
  /** Normalised, see kit/address.ts. */
  readonly addresses: readonly string[];
  /** Every interface but loopback. */
  readonly interfaces: readonly string[];
  /** The one uid that may reach the addresses, or undefined. */
  readonly openUid: number | undefined;
  /** The port on loopback that port 80 of the metadata service is redirected to, or undefined: it is blocked. */
  readonly redirectPort: number | undefined;
  /** Undefined in a pod without a sidecar. */
  readonly sidecar: SidecarPorts | undefined;
}

/** The one uid that may answer on loopback from these ports: nobody else is to be handed the app's token there. */
export interface SidecarPorts {
  readonly uid: number;
  readonly ports: readonly number[];
}

/** Only the metadata service is ever emulated: the sidecar has no answers for other blocked addresses. */
export function isEmulated({ redirectPort }: RuleInput, address: string): boolean {
  return redirectPort !== undefined && METADATA_ADDRESSES.some((one) => one === address);
}

/** One way to block the addresses: a program of the image and a part of the kernel that takes its rules. */
export interface PacketFilter {
  /** For messages. */
  readonly name: string;
  /** Whether it also sees the frames of packet sockets. */
  readonly egressHook: boolean;
  /**
   * Applies all of the rules or, if it throws, none of them.
   * @throws CodedError, `GUARD_NO_PACKET_FILTER` or `GUARD_NO_EGRESS_HOOK` where the kernel or the image lacks it
   */
  apply(input: RuleInput): Promise<void>;
  readBack(input: RuleInput): Promise<AppliedRules>;
  resetCounts(input: RuleInput): Promise<ResetCounts>;
}

/** By address: how often the rules in the kernel have reset a connection to it. */
export type ResetCounts = ReadonlyMap<string, number>;

/** The rules in the kernel, compared with those that were applied. */
export interface AppliedRules {
  /** What is wrong, in words. Empty: the kernel holds exactly the guard's rules. */
  readonly differences: readonly string[];
  readonly resetCounts: ResetCounts;
  /** How many chains are attached to a hook. */
  readonly hooks: number;
  /** How many interfaces have every outgoing frame checked. */
  readonly interfaces: number;
}
