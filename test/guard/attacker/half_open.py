"""Leaves connections half open, as a flood does: each socket drops what arrives, so that its end never answers.

No privilege needed. Prints `up` when all are under way, and keeps them.
"""

import ctypes
import resource
import socket
import struct
import sys
import time

SO_ATTACH_FILTER = 26
BPF_RET = 0x06

address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
drop_all = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RET, 0, 0, 0))
program = struct.pack("HL", 1, ctypes.addressof(drop_all))
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))

kept = []
for _ in range(count):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    sock.setblocking(False)
    try:
        sock.connect((address, port))
    except BlockingIOError:
        pass
    kept.append(sock)
print("up", flush=True)
time.sleep(20)
