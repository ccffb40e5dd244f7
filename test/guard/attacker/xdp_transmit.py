"""A transmit-only AF_XDP socket in copy mode: no BPF program, no capability but CAP_NET_RAW.
Constants and layouts from include/uapi/linux/if_xdp.h."""

import ctypes
import mmap
import socket
import struct

AF_XDP, SOL_XDP = 44, 283
XDP_MMAP_OFFSETS, XDP_TX_RING, XDP_UMEM_REG = 1, 3, 4
XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 5, 6
XDP_COPY = 1 << 1
XDP_PGOFF_TX_RING = 0x80000000
FRAME, FRAMES, RING = 2048, 64, 64

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "xdp")


def send_to(sock: socket.socket, data: bytes | None, address: bytes | None) -> None:
    """sendto(2) with an address of a family that Python's socket module cannot spell."""
    size = (len(data) if data else 0, len(address) if address else 0)
    check(libc.sendto(sock.fileno(), data, size[0], socket.MSG_DONTWAIT, address, size[1]))


class XdpTransmit:
    def __init__(self, device: str):
        self.sock = socket.socket(AF_XDP, socket.SOCK_RAW, 0)
        self.memory = mmap.mmap(-1, FRAME * FRAMES)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.sock.setsockopt(SOL_XDP, XDP_UMEM_REG, struct.pack("=QQIIII", address, FRAME * FRAMES, FRAME, 0, 0, 0))
        for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_TX_RING):
            self.sock.setsockopt(SOL_XDP, ring, RING)
        offsets = struct.unpack("=16Q", self.sock.getsockopt(SOL_XDP, XDP_MMAP_OFFSETS, 128))
        self.producer, _, self.descriptors, _ = offsets[4:8]
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        size = self.descriptors + RING * 16
        access = mmap.PROT_READ | mmap.PROT_WRITE
        self.ring = libc.mmap(None, size, access, mmap.MAP_SHARED, self.sock.fileno(), XDP_PGOFF_TX_RING)
        # sockaddr_xdp {family, flags, ifindex, queue, shared_umem_fd}.
        bind = struct.pack("=HHIII", AF_XDP, XDP_COPY, socket.if_nametoindex(device), 0, 0)
        check(libc.bind(self.sock.fileno(), bind, len(bind)))
        self.sent = 0

    def send(self, frame: bytes) -> None:
        slot = self.sent % RING
        at = slot * FRAME
        self.memory[at : at + len(frame)] = frame
        ctypes.memmove(self.ring + self.descriptors + slot * 16, struct.pack("=QII", at, len(frame), 0), 16)
        self.sent += 1
        ctypes.memmove(self.ring + self.producer, struct.pack("=I", self.sent), 4)
        send_to(self.sock, None, None)
