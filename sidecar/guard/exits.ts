/**
 * How the guard ends. The exit code is what a controller or an alert can match on without reading a message; the
 * message begins with one of the codes. 2 to 9 are what podrole's programs mean everywhere, the guard's own begin at 10.
 */
export interface Exit {
  readonly exit: number;
  /** The words that the termination message begins with. */
  readonly codes: readonly string[];
  readonly means: string;
  readonly remedy: string;
}

export const HELD = 0;
const OTHER = 1;

export const EXITS: readonly Exit[] = [
  {
    exit: HELD,
    codes: ["podrole guard"],
    means:
      "Held: the rules are in the kernel, read back, and each address was tried. The message says so where there was no egress hook.",
    remedy: "Nothing.",
  },
  {
    exit: OTHER,
    codes: ["GUARD_NOT_APPLIED", "GUARD_INTERFACE_NAME", "GUARD_FAILED"],
    means: "Not done, for a reason that is none of those below.",
    remedy: "Read the message; the kubelet starts the guard again.",
  },
  {
    exit: 2,
    codes: ["CONFIG_INVALID"],
    means: "Bad configuration: each variable that is absent or wrong is named. Nothing was touched.",
    remedy: "Let the injector write the guard; correct the injector's options.",
  },
  {
    exit: 10,
    codes: ["GUARD_HOST_NETWORK"],
    means: "The pod is in the node's own network. Nothing was touched.",
    remedy: "Remove `hostNetwork` from the pod, or move it to a namespace that podrole does not guard.",
  },
  {
    exit: 11,
    codes: ["GUARD_NO_CAPABILITY"],
    means: "The kernel takes no rules from this container.",
    remedy:
      "Let the guard run as uid 0 with `NET_ADMIN`; a Pod Security level or a policy may have removed it.",
  },
  {
    exit: 12,
    codes: ["GUARD_NO_PACKET_FILTER"],
    means:
      "Neither nftables nor iptables can be had: a program or a part of the kernel is missing. To emulate the metadata service it takes nftables.",
    remedy:
      "Run the pod on a node with nf_tables, or with ip_tables and `--guard-net-raw`, and use podrole's own sidecar image.",
  },
  {
    exit: 13,
    codes: ["GUARD_NO_EGRESS_HOOK"],
    means:
      "The kernel cannot filter what leaves an interface, and the injector runs with `--egress-hook=require`.",
    remedy:
      "Run the pod on a node with Linux 5.16 or later, or let the injector run with `--egress-hook=prefer`.",
  },
  {
    exit: 14,
    codes: ["GUARD_NOT_HOLDING"],
    means:
      "Not held: the rules are in place, and still an address answered, was silent, or was refused by somebody else; or, where the metadata service is emulated, its port does not lead to the sidecar's. The message names the address, the port and how.",
    remedy:
      "Look for what carries connections past the pod's packet filter, such as an eBPF redirect of the network plugin, or for a NAT rule of another agent that comes first.",
  },
  {
    exit: 15,
    codes: ["GUARD_RULES_MISSING"],
    means: "Not held: what was read back is not what was written. The message names the rules.",
    remedy: "Look for another program that changes the packet filter of the pod.",
  },
];

export function exitOf(code: string): number {
  return EXITS.find(({ codes }) => codes.includes(code))?.exit ?? OTHER;
}
