#!/usr/bin/env python3
"""A guest on a TAP interface: the host's kernel is its neighbour, which leases it an address and reads its page.

All in a network namespace of the test's own, which ends with it.

usage: tap_test.py ESPALIER HTTP_SERVER_BIN

HTTP_SERVER_BIN is what lies in the demo's flash from 0x1000 on.
"""
import ctypes
import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'support'))
from terminal import PATIENCE, Terminal  # noqa: E402

ESPALIER = None
PROGRAM = None
SKIPPED = 77
INTERFACE = b'esp0'
HOST, GUEST, MASK = '10.9.0.1', '10.9.0.42', '255.255.255.0'

CLONE_NEWNET = 0x40000000
TUNSETIFF, TUNSETPERSIST = 0x400454ca, 0x400454cb
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891c
IFF_UP = 0x1


def enter_network_namespace():
    """None, or why it cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return f'no network namespace may be made here: {os.strerror(ctypes.get_errno())}'
    try:
        tun = os.open('/dev/net/tun', os.O_RDWR)
    except OSError as error:
        return f'/dev/net/tun: {error.strerror}'
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', INTERFACE, IFF_TAP | IFF_NO_PI))
    fcntl.ioctl(tun, TUNSETPERSIST, 1)
    os.close(tun)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, address in (SIOCSIFADDR, HOST), (SIOCSIFNETMASK, MASK):
            fcntl.ioctl(control, request,
                        struct.pack('16sHH4s16x', INTERFACE, socket.AF_INET, 0, socket.inet_aton(address)))
        for interface in INTERFACE, b'lo':
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack('16sH22x', interface, IFF_UP))
    return None


class DhcpServer:
    """Gives GUEST to whoever asks (RFC 2131)."""
    DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE)
        self.socket.bind(('', 67))
        self.macs = []
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def message_type(options):
        while options and options[0] != 255:
            if options[0] == 53:
                return options[2]
            options = options[1:] if options[0] == 0 else options[2 + options[1]:]
        return 0

    def serve(self):
        answers = {self.DISCOVER: self.OFFER, self.REQUEST: self.ACK}
        while True:
            query = self.socket.recv(2000)
            answer = answers.get(self.message_type(query[240:]))
            if answer is None:
                continue
            if answer == self.ACK:
                self.macs.append(query[28:34])
            reply = struct.pack('!BBBB', 2, 1, 6, 0) + query[4:16] + socket.inet_aton(GUEST) + \
                socket.inet_aton(HOST) + query[24:28] + query[28:236] + query[236:240]
            for option, value in ((53, bytes([answer])), (54, socket.inet_aton(HOST)), (1, socket.inet_aton(MASK)),
                                  (3, socket.inet_aton(HOST)), (51, struct.pack('!I', 3600))):
                reply += bytes([option, len(value)]) + value
            self.socket.sendto(reply + b'\xff', ('255.255.255.255', 68))


class TapTest(unittest.TestCase):
    def test_the_guest_is_a_neighbour_of_the_kernels(self):
        leases = DhcpServer()
        flash = tempfile.NamedTemporaryFile(suffix='.bin')
        self.addCleanup(flash.close)
        flash.write((b'\xff' * 0x1000 + PROGRAM.read_bytes()).ljust(0x400000, b'\xff'))
        flash.flush()
        qemu = subprocess.Popen(
            [ESPALIER, 'qemu', '-nographic', '-machine', 'esp32',
             '-nic', f'tap,model=open_eth,ifname={INTERFACE.decode()},script=no,downscript=no',
             '-drive', f'file={flash.name},if=mtd,format=raw'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(qemu.communicate)
        self.addCleanup(qemu.kill)
        Terminal(qemu).wait_for(GUEST)
        for _ in range(20):
            with urllib.request.urlopen(f'http://{GUEST}/hello', timeout=PATIENCE) as answer:
                self.assertEqual(answer.read(), b'Hello World!')
        self.assertEqual(len(set(leases.macs)), 1)
        with open('/proc/net/arp', encoding='ascii') as table:
            entries = {fields[0]: fields[3] for fields in map(str.split, list(table)[1:])}
        self.assertEqual(entries[GUEST], leases.macs[0].hex(':'))


if __name__ == '__main__':
    ESPALIER, PROGRAM = sys.argv[1], pathlib.Path(sys.argv[2])
    if problem := enter_network_namespace():
        print(f'skipped: {problem}')
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
