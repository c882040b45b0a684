#!/usr/bin/env python3
"""A fleet's network with a TAP interface as its uplink: the host's kernel is a neighbour of all devices.

All in a network namespace of the test's own, which ends with it.

usage: lan_tap_test.py ESPALIER
"""
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'support'))
from tap import SKIPPED, arp_table, enter_network_namespace  # noqa: E402
from terminal import PATIENCE  # noqa: E402

ESPALIER = None
INTERFACE = 'esp0'
HOST, MASK, GATEWAY = '10.1.200.1', '255.255.0.0', '10.1.0.2'
DEVICES = 3


class LanTapTest(unittest.TestCase):
    def fleet(self, *arguments):
        done = subprocess.run([ESPALIER, 'fleet', *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(done.returncode, 0, f'{arguments}: {done.stdout}{done.stderr}')
        return done.stdout

    def up(self, *arguments):
        """The fleet's devices, once they are ready."""
        runtime = tempfile.TemporaryDirectory(prefix='espalier-tap-')
        self.addCleanup(runtime.cleanup)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=runtime.name)
        self.fleet('up', *arguments, '--name', 'lab', '-n', str(DEVICES), '--net', 'lan', '--workers', '2', '--uplink',
                   f'tap:{INTERFACE}', '-d')
        self.addCleanup(self.fleet, 'down')
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            devices = json.loads(self.fleet('ps', '--json'))
            if len(devices) == DEVICES and all(device['ready'] for device in devices):
                return devices
            time.sleep(0.05)
        raise AssertionError(f'not ready: {devices}')

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
        devices = self.up('--demo')
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
        with tempfile.TemporaryDirectory() as folder:
            snapshot = f'{folder}/demo.snap'
            subprocess.run([ESPALIER, 'snapshot', 'create', '--demo', '--clock', 'warp', '--until', 'listening on port 80',
                            '-o', snapshot], check=True, capture_output=True, timeout=PATIENCE)
            self.check(self.up(snapshot))


if __name__ == '__main__':
    ESPALIER = sys.argv[1]
    if problem := enter_network_namespace(INTERFACE, HOST, MASK):
        print(f'skipped: {problem}')
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
