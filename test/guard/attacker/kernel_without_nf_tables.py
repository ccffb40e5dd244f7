"""Runs a program as on a kernel without nf_tables: a socket of NETLINK_NETFILTER is refused with the error that a kernel
gives which has no nfnetlink. A seccomp filter, so it holds for whatever the program starts. What else the kernel has,
ip_tables among it, works as it does."""

import ctypes
import errno
import os
import platform
import struct
import sys

AF_NETLINK, NETLINK_NETFILTER = 16, 12
NR_SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
# Offsets in struct seccomp_data: the call's number, then from 16 on its arguments.
NUMBER, FAMILY, PROTOCOL = 0, 16, 32

PROGRAM = [
    (LOAD, 0, 0, NUMBER),
    (JUMP_IF_EQUAL, 0, 5, NR_SOCKET),
    (LOAD, 0, 0, FAMILY),
    (JUMP_IF_EQUAL, 0, 3, AF_NETLINK),
    (LOAD, 0, 0, PROTOCOL),
    (JUMP_IF_EQUAL, 0, 1, NETLINK_NETFILTER),
    (RETURN, 0, 0, ERRNO | errno.EPROTONOSUPPORT),
    (RETURN, 0, 0, ALLOW),
]

code = b"".join(struct.pack("=HBBI", *line) for line in PROGRAM)
memory = ctypes.create_string_buffer(code)
filter_ = struct.pack("@HP", len(PROGRAM), ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0):
    sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
