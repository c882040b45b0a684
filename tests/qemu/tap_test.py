#!/usr/bin/env python3
"""A guest on a TAP interface: the host's kernel is its neighbour, which leases it an address and reads its page.

All in a network namespace of the test's own, which ends with it.

usage: tap_test.py ESPALIER HTTP_SERVER_BIN

HTTP_SERVER_BIN is what lies in the demo's flash from 0x1000 on.
"""
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
from tap import SKIPPED, arp_table, enter_network_namespace  # noqa: E402
from terminal import PATIENCE, Terminal  # noqa: E402

ESPALIER = None
PROGRAM = None
INTERFACE = 'esp0'
HOST, GUEST, MASK = '10.9.0.1', '10.9.0.42', '255.255.255.0'


class DhcpServer:
    """Gives GUEST to whoever asks (RFC 2131)."""
    DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE.encode())
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
             '-nic', f'tap,model=open_eth,ifname={INTERFACE},script=no,downscript=no',
             '-drive', f'file={flash.name},if=mtd,format=raw'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(qemu.communicate)
        self.addCleanup(qemu.kill)
        Terminal(qemu).wait_for(GUEST)
        for _ in range(20):
            with urllib.request.urlopen(f'http://{GUEST}/hello', timeout=PATIENCE) as answer:
                self.assertEqual(answer.read(), b'Hello World!')
        self.assertEqual(len(set(leases.macs)), 1)
        self.assertEqual(arp_table()[GUEST], leases.macs[0].hex(':'))


if __name__ == '__main__':
    ESPALIER, PROGRAM = sys.argv[1], pathlib.Path(sys.argv[2])
    if problem := enter_network_namespace(INTERFACE, HOST, MASK):
        print(f'skipped: {problem}')
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
