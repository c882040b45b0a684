#!/usr/bin/env python3
"""Clones of real firmware on one network: each has an address of its own to the host's kernel, behind a TAP interface, in
IPv4 and in IPv6.

usage: lan_firmware_test.py ESPALIER FIRMWARE_FOLDER
"""
import pathlib
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'support'))
from tap import SKIPPED, arp_table, enter_network_namespace  # noqa: E402
from tap_fleet import HOST, INTERFACE, MASK, TapFleetTest  # noqa: E402
from terminal import PATIENCE  # noqa: E402

IMAGE = None
ECHO, ECHO_REPLY, ECHO_6, ECHO_REPLY_6 = 8, 0, 128, 129


def ethernet_mac(device):
    """What ESP-IDF gives the Ethernet MAC: the chip's address and three."""
    mac = bytearray.fromhex(device['mac'].replace(':', ''))
    mac[5] += 3
    return mac


def link_local(mac):
    """RFC 4291, appendix A."""
    identifier = bytes([mac[0] ^ 2]) + mac[1:3] + b'\xff\xfe' + mac[3:]
    return socket.inet_ntop(socket.AF_INET6, b'\xfe\x80' + bytes(6) + identifier)


class LanFirmwareTest(TapFleetTest):
    def echo(self, family, protocol, to, request, reply, header):
        """Sends echo requests until `to` answers one."""
        with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
            raw.settimeout(1)
            message = struct.pack('!BBHHH', request, 0, 0, 0x77, 1) + b'espalier'
            if family == socket.AF_INET:  # of ICMPv6 the kernel makes the checksum
                total = sum(struct.unpack(f'!{len(message) // 2}H', message))
                total = (total & 0xffff) + (total >> 16)
                message = message[:2] + struct.pack('!H', ~total & 0xffff) + message[4:]
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                try:
                    raw.sendto(message, to)
                except OSError:  # the kernel has no address yet that it may use: duplicates are looked for
                    time.sleep(0.1)
                    continue
                try:
                    while True:
                        data, source = raw.recvfrom(2000)
                        if source[0].split('%')[0] == to[0] and data[header] == reply and data[header + 8:] == b'espalier':
                            return
                except TimeoutError:
                    pass
        raise AssertionError(f'{to[0]} does not answer')

    def test_clones_are_each_somebody_else(self):
        # Both addresses are in use then; the firmware has made the second one of the MAC address.
        devices = self.up(3, self.snapshot('- IPv6 address', IMAGE))
        interface = socket.if_nametoindex(INTERFACE)
        for device in devices:
            mac = ethernet_mac(device)
            self.echo(socket.AF_INET, socket.IPPROTO_ICMP, (device['address'], 0), ECHO, ECHO_REPLY, 20)
            self.assertEqual(arp_table()[device['address']], mac.hex(':'))
            self.echo(socket.AF_INET6, socket.IPPROTO_ICMPV6, (link_local(mac), 0, 0, interface), ECHO_6, ECHO_REPLY_6, 0)


if __name__ == '__main__':
    TapFleetTest.ESPALIER = sys.argv[1]
    IMAGE = str(pathlib.Path(sys.argv[2]) / 'idf6-mqtt-openeth')
    if not pathlib.Path(IMAGE).exists():
        print(f'skipped: {IMAGE} is not there (see tests/corpus)')
        sys.exit(SKIPPED)
    if problem := enter_network_namespace(INTERFACE, HOST, MASK):
        print(f'skipped: {problem}')
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
