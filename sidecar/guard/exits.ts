import { VERIFY_EXITS } from "../contract/pod.ts";

/**
 * How the guard ends. A controller or an alert can match on the exit code without reading the message, which begins
 * with one of the codes. 2 to 9 mean the same in all of podrole's programs; the guard's own begin at 10.
 */
export interface Exit {
  readonly exit: number;
  /** The words that the termination message begins with. */
  readonly codes: readonly string[];
  readonly means: string;
  readonly remedy: string;
}

export const EXIT_OK = 0;
const EXIT_OTHER = 1;

export const EXITS: readonly Exit[] = [
  {
    exit: EXIT_OK,
    codes: ["podrole guard"],
    means:
      "The metadata service is out of reach: the rules are in the kernel, were read back, and each address was tried. The message says so if there was no egress hook. In mode `verify`: neither a token nor credentials can be had, and the message says what each address did.",
    remedy: "Nothing.",
  },
  {
    exit: EXIT_OTHER,
    codes: ["GUARD_NOT_APPLIED", "GUARD_INTERFACE_NAME", "GUARD_FAILED"],
    means: "The guard failed for a reason that is none of those below.",
    remedy: "Read the message; the kubelet starts the guard again.",
  },
  {
    exit: 2,
    codes: ["CONFIG_INVALID"],
    means: "Bad configuration: the message names each variable that is absent or wrong. Nothing was changed.",
    remedy: "Let the injector write the guard; correct the setting that the variable comes from.",
  },
  {
    exit: 10,
    codes: ["GUARD_HOST_NETWORK"],
    means: "The pod is in the node's own network. Nothing was changed.",
    remedy: "Remove `hostNetwork` from the pod, or move it to a namespace that podrole does not guard.",
  },
  {
    exit: 11,
    codes: ["GUARD_NO_CAPABILITY"],
    means: "The kernel accepts no rules from this container.",
    remedy:
      "Let the guard run as uid 0 with `NET_ADMIN`; a Pod Security level or a policy may have removed it.",
  },
  {
    exit: 12,
    codes: ["GUARD_NO_PACKET_FILTER"],
    means:
      "Neither nftables nor iptables works: a program or a part of the kernel is missing. Emulating the metadata service needs nftables.",
    remedy:
      "Run the pod on a node with nf_tables, or with ip_tables and the setting `guardNetRaw`, and use podrole's own sidecar image.",
  },
  {
    exit: 13,
    codes: ["GUARD_NO_EGRESS_HOOK"],
    means: "The kernel cannot filter what leaves an interface, and the setting `egressHook` is `require`.",
    remedy: "Run the pod on a node with Linux 5.16 or later, or set `egressHook` to `prefer`.",
  },
  {
    exit: 14,
    codes: ["GUARD_NOT_HOLDING"],
    means:
      "The rules are in place but not effective: an address answered, was silent, or was refused by something other than the guard; or, where the metadata service is emulated, its port does not lead to the sidecar's. The message names the address, the port and what happened.",
    remedy:
      "Look for what carries connections past the pod's packet filter, such as an eBPF redirect of the network plugin, or for another agent's NAT rule that comes first.",
  },
  {
    exit: 15,
    codes: ["GUARD_RULES_MISSING"],
    means:
      "The rules that were read back are not those that were written. The message names the differences.",
    remedy: "Look for another program that changes the packet filter of the pod.",
  },
  {
    exit: 16,
    codes: ["PRIVILEGES_KEPT"],
    means:
      "With the setting `guardContainer: sidecar`: the rules are proven, but the process could not give up root and its capabilities for good. It serves nothing.",
    remedy:
      "Read the message. Set `guardContainer` to `init` if the container runtime gives containers more than podrole writes into the pod, as CRI-O does with `add_inheritable_capabilities`.",
  },
  {
    exit: VERIFY_EXITS.reachable,
    codes: ["METADATA_REACHABLE"],
    means:
      "In mode `verify`: the metadata service answered, or something in its place. The message names the address, the request and the status, and nothing else of the answer.",
    remedy:
      "Close the address in one of the three ways that the message gives: hop limit 1 with tokens required, a NetworkPolicy, or the namespace at Pod Security level `privileged`, where the guard blocks.",
  },
  {
    exit: VERIFY_EXITS.unproven,
    codes: ["METADATA_UNPROVEN"],
    means:
      "In mode `verify`: what happened does not show whether the metadata service can be had. A connection opened and GET was without an answer for two seconds, only some connections opened, none could be tried, or other programs of the pod can take another way: it has several network interfaces, its own routes alone lead nowhere, or its address was not ready. The message says which.",
    remedy:
      "The guard is tried again. If it stays, see whether the pod's network is complete when its first container starts, or close the address as for exit 17. In a pod with several network interfaces, only mode `block` closes it on all of them.",
  },
];

export function exitOf(code: string): number {
  return EXITS.find(({ codes }) => codes.includes(code))?.exit ?? EXIT_OTHER;
}
