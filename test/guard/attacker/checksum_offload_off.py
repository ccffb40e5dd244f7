"""Turns an interface's transmit checksum offload off, as `ethtool -K <interface> tx off` does. Needs CAP_NET_ADMIN."""

import ctypes
import fcntl
import socket
import struct
import sys

SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17

setting = ctypes.create_string_buffer(struct.pack("=II", ETHTOOL_STXCSUM, 0))
request = struct.pack("16sP", sys.argv[1].encode(), ctypes.addressof(setting))
fcntl.ioctl(socket.socket(), SIOCETHTOOL, request)
