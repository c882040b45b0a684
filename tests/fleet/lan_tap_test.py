#!/usr/bin/env python3
"""A fleet's network with a TAP interface as its uplink: the host's kernel is a neighbour of all devices.

All in a network namespace of the test's own, which ends with it.

usage: lan_tap_test.py ESPALIER
"""
import json
import pathlib
import socket
import struct
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'support'))
from tap import SKIPPED, arp_table, enter_network_namespace  # noqa: E402
from tap_fleet import GATEWAY, HOST, INTERFACE, MASK, TapFleetTest  # noqa: E402
from terminal import PATIENCE  # noqa: E402


class LanTapTest(TapFleetTest):
    def get(self, device, path):
        with urllib.request.urlopen(f'http://{device["address"]}{path}', timeout=PATIENCE) as answer:
            return answer.read()

    def check(self, devices):
        for device in devices:
            for _ in range(5):
                self.assertEqual(self.get(device, '/hello'), b'Hello World!')
            self.assertEqual(arp_table()[device['address']], device['mac'])
            # And from there: the kernel answers, and the other devices do.
            self.assertEqual(json.loads(self.get(device, f'/ping/{HOST}'))['address'], HOST)
        self.assertEqual(json.loads(self.get(devices[0], '/ping/lab-2'))['address'], devices[2]['address'])

    def test_devices_are_neighbours_of_the_kernels(self):
        devices = self.up(3, '--demo')
        self.check(devices)
        # What that side may have itself is not offered: no gateway, and no DHCP.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.sendto(b'?', (GATEWAY, 53))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE.encode())
            client.bind(('', 68))
            client.sendto(struct.pack('!BBBBIHH', 1, 1, 6, 0, 0x77, 0, 0x8000) + b'\0' * 16 + b'\2\0\0\0\0\7' + b'\0' * 202 +
                          b'\x63\x82\x53\x63' + bytes([53, 1, 1, 255]), ('255.255.255.255', 67))
            client.settimeout(1)
            with self.assertRaises(TimeoutError):
                client.recv(2000)
        self.assertEqual(arp_table().get(GATEWAY, '00:00:00:00:00:00'), '00:00:00:00:00:00')

    def test_clones_are_neighbours_too(self):
        self.check(self.up(3, self.snapshot('listening on port 80', '--demo')))


if __name__ == '__main__':
    TapFleetTest.ESPALIER = sys.argv[1]
    if problem := enter_network_namespace(INTERFACE, HOST, MASK):
        print(f'skipped: {problem}')
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
