"""A network namespace of the test's own with a TAP interface in it."""
import ctypes
import fcntl
import os
import socket
import struct

SKIPPED = 77  # exit code of a test that may have none

CLONE_NEWNET = 0x40000000
TUNSETIFF, TUNSETPERSIST = 0x400454ca, 0x400454cb
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891c
IFF_UP = 0x1


def enter_network_namespace(interface, address, mask):
    """For the rest of the process, and for those it starts. None, or why it cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return f'no network namespace may be made here: {os.strerror(ctypes.get_errno())}'
    try:
        tun = os.open('/dev/net/tun', os.O_RDWR)
    except OSError as error:
        return f'/dev/net/tun: {error.strerror}'
    name = interface.encode()
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', name, IFF_TAP | IFF_NO_PI))
    fcntl.ioctl(tun, TUNSETPERSIST, 1)
    os.close(tun)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, value in (SIOCSIFADDR, address), (SIOCSIFNETMASK, mask):
            fcntl.ioctl(control, request,
                        struct.pack('16sHH4s16x', name, socket.AF_INET, 0, socket.inet_aton(value)))
        for up in name, b'lo':
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack('16sH22x', up, IFF_UP))
    return None


def arp_table():
    """The kernel's: MAC addresses by IPv4 addresses."""
    with open('/proc/net/arp', encoding='ascii') as table:
        return {fields[0]: fields[3] for fields in map(str.split, list(table)[1:])}
