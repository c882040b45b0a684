#!/usr/bin/env python3
"""Fleets of demo devices on one network (net = "lan"). The test is a host there itself, by a socket uplink, as a QEMU
would be: it leases an address, asks for names, and talks to devices.

usage: lan_test.py ESPALIER [unittest options]
"""
import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ESPALIER = None
PATIENCE = 120  # seconds; a busy host is slow
BROADCAST = b'\xff' * 6
GATEWAY, NAMES = '10.1.0.2', '10.1.0.3'
ARP, IPV4 = 0x0806, 0x0800


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def free_ports(count):
    """The first of so many ports in a row that nobody listens at now."""
    for base in range(21000, 60000, 97):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(base, base + count):
                    probes.enter_context(socket.socket()).bind(('127.0.0.1', port))
                return base
            except OSError:
                continue
    raise AssertionError('no free ports')


class Host:
    """A host at the end of a cable as QEMU's `-netdev socket,connect=` lays it."""

    def __init__(self, port, number):
        self.mac = bytes([2, 0xee, 0, 0, 0, number])
        self.address = '0.0.0.0'
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.settimeout(0.2)
        self.data = b''

    def close(self):
        self.socket.close()

    def send(self, to, kind, payload):
        frame = (to + self.mac + struct.pack('!H', kind) + payload).ljust(60, b'\0')
        self.socket.sendall(struct.pack('!I', len(frame)) + frame)

    def frames(self, seconds):
        """What comes in this time; requests for our address are answered."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while len(self.data) >= 4 and len(self.data) >= 4 + (size := struct.unpack('!I', self.data[:4])[0]):
                frame, self.data = self.data[4:4 + size], self.data[4 + size:]
                if frame[12:14] == b'\x08\x06' and frame[20:22] == b'\0\1' and frame[38:42] == socket.inet_aton(self.address):
                    self.arp(2, frame[22:28], frame[22:28], frame[28:32])
                yield frame
            try:
                received = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not received:
                raise AssertionError('the fleet has hung up')
            self.data += received

    def ask(self, send, wanted):
        """Sends until an answer comes that `wanted` makes something of."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            send()
            for frame in self.frames(1):
                answer = wanted(frame)
                if answer is not None:
                    return answer
        raise AssertionError('no answer')

    def arp(self, operation, to, target_mac, target):
        self.send(to, ARP, struct.pack('!HHBBH', 1, IPV4, 6, 4, operation) + self.mac + socket.inet_aton(self.address) +
                  target_mac + target)

    def mac_of(self, address):
        target = socket.inet_aton(address)
        return self.ask(lambda: self.arp(1, BROADCAST, b'\0' * 6, target),
                        lambda f: f[22:28] if f[12:14] == b'\x08\x06' and f[20:22] == b'\0\2' and f[28:32] == target else None)

    def datagram(self, mac, address, port, to_port, data):
        length = 8 + len(data)
        ends = socket.inet_aton(self.address) + socket.inet_aton(address)
        udp = struct.pack('!HHHH', port, to_port, length, 0) + data
        udp = udp[:6] + struct.pack('!H', checksum(ends + struct.pack('!HH', 17, length) + udp) or 0xffff) + data
        header = struct.pack('!BBHHHBBH', 0x45, 0, 20 + length, 0, 0x4000, 64, 17, 0) + ends
        header = header[:10] + struct.pack('!H', checksum(header)) + header[12:]
        self.send(mac, IPV4, header + udp)

    def exchange(self, mac, address, port, to_port, data):
        """A datagram and the answer to it."""
        def wanted(frame):
            if frame[12:14] == b'\x08\0' and frame[23] == 17 and frame[34:38] == struct.pack('!HH', to_port, port):
                return frame[42:34 + struct.unpack('!H', frame[38:40])[0]]
            return None
        return self.ask(lambda: self.datagram(mac, address, port, to_port, data), wanted)

    def forget(self):
        """What has come, and has not been read."""
        for _ in self.frames(0.1):
            pass

    def lease(self):
        def message(kind, options=b''):
            start = struct.pack('!BBBBIHH', 1, 1, 6, 0, 0x1234, 0, 0x8000) + b'\0' * 16 + self.mac
            return start.ljust(236, b'\0') + b'\x63\x82\x53\x63' + bytes([53, 1, kind]) + options + b'\xff'
        offer = self.exchange(BROADCAST, '255.255.255.255', 68, 67, message(1))
        acknowledged = self.exchange(BROADCAST, '255.255.255.255', 68, 67, message(3, b'\x32\4' + offer[16:20]))
        self.address = socket.inet_ntoa(acknowledged[16:20])
        return self.address

    def look_up(self, name):
        """The address, or None where there is no such name."""
        labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
        query = struct.pack('!HHHHHH', 0x77, 0x100, 1, 0, 0, 0) + labels + b'\0' + struct.pack('!HH', 1, 1)
        answer = self.exchange(self.mac_of(NAMES), NAMES, 5353, 53, query)
        if answer[3] & 15 != 0:
            return None
        return socket.inet_ntoa(answer[-4:])


class LanTest(unittest.TestCase):
    def setUp(self):
        self.runtime = tempfile.mkdtemp(prefix='espalier-lan-')
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.runtime)
        self.names = []

    def tearDown(self):
        for name in self.names:
            self.run_fleet('down', '--name', name)
        folder = os.path.join(self.runtime, 'espalier')
        left = os.listdir(folder) if os.path.isdir(folder) else []
        shutil.rmtree(self.runtime)
        self.assertEqual(left, [])

    def run_fleet(self, *arguments):
        return subprocess.run([ESPALIER, 'fleet', *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, text=True)

    def fleet(self, *arguments, code=0):
        done = self.run_fleet(*arguments)
        self.assertEqual(done.returncode, code, f'{arguments}: {done.stdout}{done.stderr}')
        return done.stdout if code == 0 else done.stderr

    def up(self, name, *options):
        self.fleet('up', '--name', name, '--workers', '2', '-d', *options)
        self.names.append(name)

    def ready(self, name, count):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            devices = json.loads(self.fleet('ps', '--name', name, '--json'))
            if len(devices) == count and all(device['ready'] for device in devices):
                return devices
            time.sleep(0.05)
        raise AssertionError(f'{count} devices are not ready: {devices}')

    def get(self, port):
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/hello', timeout=PATIENCE) as answer:
            return answer.status

    def test_eight_devices_on_one_network(self):
        base = free_ports(12)
        self.up('lab', '--demo', '-n', '8', '--net', 'lan', '-p', f'{base}+:80', '--uplink', f'listen:{base + 11}')
        devices = self.ready('lab', 8)
        self.assertEqual([device['address'] for device in devices], [f'10.1.0.{16 + i}' for i in range(8)])
        for ordinal, device in enumerate(devices):
            self.assertEqual(self.get(base + ordinal), 200)
            self.assertIn(f'address {device["address"]}, gateway {GATEWAY}', self.fleet('logs', device['name']))
        self.assertIn('10.1.0.16', self.fleet('ps').splitlines()[1])

        with contextlib.closing(Host(base + 11, 1)) as host:
            self.assertEqual(host.lease(), '10.1.255.254')
            # By name, in both workers' bays: the demo echoes datagrams to port 7.
            for ordinal in (0, 3, 6):
                address = host.look_up(f'lab-{ordinal}.lab')
                self.assertEqual(address, devices[ordinal]['address'])
                self.assertEqual(host.exchange(host.mac_of(address), address, 5000, 7, b'hello'), b'hello')
            self.assertEqual(host.look_up('LAB-7.lan'), devices[7]['address'])
            self.assertEqual(host.look_up('lab-7'), devices[7]['address'])
            self.assertIsNone(host.look_up('lab-8.lab'))

            self.fleet('scale', '9')
            added = self.ready('lab', 9)[8]
            self.assertEqual(added['address'], '10.1.0.24')
            self.assertEqual(host.look_up('lab-8.lab'), '10.1.0.24')
            self.assertEqual(self.get(base + 8), 200)
            self.fleet('rm', 'lab-3')
            self.assertIsNone(host.look_up('lab-3.lab'))
            self.fleet('restart', 'lab-5')
            again = self.ready('lab', 8)
            self.assertEqual([device['address'] for device in again if device['name'] == 'lab-5'], ['10.1.0.21'])
            self.assertEqual(self.get(base + 5), 200)
            address = host.look_up('lab-5.lab')
            self.assertEqual(host.exchange(host.mac_of(address), address, 5001, 7, b'again'), b'again')

    def ping(self, device, target):
        """What a device says of another: status, and the answer's content."""
        url = f'http://127.0.0.1:{device["ports"][0]["host_port"]}/ping/{target}'
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None

    def reach_each_other(self, devices):
        """Each the one after it: by its names, and by its address."""
        for device, other in zip(devices, devices[1:] + devices[:1]):
            for target in (other['name'], other['name'].upper() + '.lan', other['address']):
                status, answer = self.ping(device, target)
                self.assertEqual((status, answer and answer['address']), (200, other['address']), (device['name'], target))
                self.assertTrue(0 < answer['us'] < 1_000_000, answer)

    def test_devices_reach_each_other(self):
        base = free_ports(5)
        self.up('lab', '--demo', '-n', '5', '--net', 'lan', '-p', f'{base}+:80')
        devices = self.ready('lab', 5)
        self.reach_each_other(devices)
        self.assertEqual(self.ping(devices[0], 'nobody.lan')[0], 404)
        self.assertEqual(self.ping(devices[0], '10.1.9.9')[0], 504)
        self.assertEqual(self.ping(devices[0], GATEWAY)[0], 200)
        self.fleet('net', 'lab-4', '--latency', '50ms')
        status, answer = self.ping(devices[0], 'lab-4')
        self.assertEqual(status, 200)
        self.assertGreaterEqual(answer['us'], 100_000)
        self.fleet('net', 'lab-4', '--partition')
        self.assertEqual(self.ping(devices[0], 'lab-4')[0], 504)

    def test_two_fleets_are_one_network(self):
        base = free_ports(4)
        self.up('east', '--demo', '--net', 'lan', '--uplink', f'listen:{base}')
        self.ready('east', 1)
        file = os.path.join(self.runtime, 'west.toml')
        with open(file, 'w', encoding='utf-8') as out:
            out.write(f'[fleet]\nname = "west"\nnet = "lan"\n[lan]\nfirst = "10.1.4.16"\n'
                      f'uplink = ["connect:127.0.0.1:{base}", "listen:{base + 1}"]\n'
                      '[[device]]\ndemo = true\n')
        self.up('west', '--from', file)
        self.assertEqual(self.ready('west', 1)[0]['address'], '10.1.4.16')
        with contextlib.closing(Host(base + 1, 1)) as host:
            host.lease()
            for address in ('10.1.4.16', '10.1.0.16'):  # here, and across the other link
                self.assertEqual(host.exchange(host.mac_of(address), address, 5000, 7, b'hello'), b'hello')

    def answers(self, host, device):
        """Whether a device has the address and the MAC address that the fleet says, and answers at them."""
        address = device['address']
        mac = host.mac_of(address)
        self.assertEqual(mac.hex(':'), device['mac'], device['name'])
        self.assertEqual(host.look_up(device['name']), address)
        self.assertEqual(host.exchange(mac, address, 5000, 7, b'hello'), b'hello')
        self.assertEqual(self.get(device['ports'][0]['host_port']), 200)

    def test_clones_of_a_snapshot_are_each_somebody_else(self):
        # Taken on the user network, where the guest has had another address than any it gets here.
        snapshot = os.path.join(self.runtime, 'demo.snap')
        subprocess.run([ESPALIER, 'snapshot', 'create', '--demo', '--clock', 'warp', '--until', 'listening on port 80', '-o',
                        snapshot], check=True, capture_output=True, timeout=PATIENCE)
        base = free_ports(5)
        self.up('lab', snapshot, '-n', '4', '--net', 'lan', '-p', f'{base}+:80', '--uplink', f'listen:{base + 4}')
        devices = self.ready('lab', 4)
        self.assertEqual({device['ethernet_mac'] for device in devices}, {devices[0]['ethernet_mac']})
        with contextlib.closing(Host(base + 4, 1)) as host:
            host.lease()
            for device in devices:
                self.answers(host, device)
            self.reach_each_other(devices)
            # One that has booted here, made many.
            self.fleet('exec', 'lab-1', 'restart', '--until', 'listening on port')
            devices = self.ready('lab', 4)
            self.assertIn(f'address {devices[1]["address"]}', self.fleet('logs', 'lab-1'))
            self.answers(host, devices[1])
            self.fleet('clone', 'lab-1', '-n', '2', '--group', 'warm')
            devices = self.ready('lab', 6)
            self.assertEqual([device['address'] for device in devices[4:]], ['10.1.0.20', '10.1.0.21'])
            for device in devices:
                host.forget()
                self.answers(host, device)
        # The clone of a device has that one's address for its own: by name it finds it all the same.
        for device, other in ((devices[4], devices[1]), (devices[1], devices[4]), (devices[4], devices[5])):
            self.assertEqual(self.ping(device, other['name'])[0], 200, (device['name'], other['name']))
        self.reach_each_other(devices[2:])

    def test_a_devices_snapshot_goes_on_alone(self):
        base = free_ports(2)
        self.up('lab', '--demo', '-n', '2', '--net', 'lan', '-p', f'{base}+:80')
        self.ready('lab', 2)
        snapshot = os.path.join(self.runtime, 'lab.snap')
        self.fleet('snapshot', 'lab-1', '-o', snapshot)
        self.fleet('down')
        told = subprocess.run([ESPALIER, 'snapshot', 'info', snapshot], capture_output=True, text=True, timeout=PATIENCE)
        self.assertIn('10.1.0.17', told.stdout)
        alone = subprocess.Popen([ESPALIER, 'run', snapshot, '-p', f'{base}:80'], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError):
                    self.assertEqual(self.get(base), 200)
                    break
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            device = {'ports': [{'host_port': base}]}
            self.assertEqual(self.ping(device, GATEWAY)[0], 200)
            self.assertEqual(self.ping(device, '10.1.0.16')[0], 504)  # nobody else is there
        finally:
            alone.kill()
            alone.wait()

    def test_what_is_wrong_is_said_before_anything_starts(self):
        def refused(*options):
            return self.fleet('up', '--demo', *options, code=2)
        self.assertIn('--net lan', refused('--uplink', 'listen:4000'))
        self.assertRegex(refused('--net', 'lan', '--uplink', 'bridge:br0'), r"^espalier: --uplink 'bridge:br0': .*tap:IF")
        port = free_ports(1)
        with socket.socket() as holder:
            holder.bind(('127.0.0.1', port))
            holder.listen()
            self.assertRegex(refused('--net', 'lan', '--uplink', f'listen:{port}'), f'listen:127.0.0.1:{port}: .*in use')
        with tempfile.NamedTemporaryFile('w', suffix='.toml') as file:
            file.write('[fleet]\nnet = "lan"\n[lan]\nnetwork = "10.1.0.0/16"\nfirst = "10.2.0.1"\n[[device]]\nname = "a"\ndemo = true\n')
            file.flush()
            error = self.fleet('up', '--from', file.name, code=2)
            self.assertTrue(re.search(r':3: lan\.first: 10\.2\.0\.1 is no device', error), error)


if __name__ == '__main__':
    ESPALIER = sys.argv.pop(1)
    unittest.main()
