#!/usr/bin/env python3
"""Espressif's esptool and espefuse against the emulated chip, over TCP.

usage: esptool_test.py ESPALIER [unittest options]

Needs both tools on the PATH (Debian's package esptool, where there is one); exits with 77 without them.
"""
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ESPALIER = None
ESPTOOL = shutil.which('esptool') or shutil.which('esptool.py')
ESPEFUSE = shutil.which('espefuse') or shutil.which('espefuse.py')
PATIENCE = 120  # seconds; a busy host is slow
MIB = 1 << 20
BLOCK1, BLOCK3 = 7, 23  # first words in the eFuse file
JTAG_DISABLE = 1 << 6  # in word 6
XPD_SDIO_3V3 = 7 << 14  # in word 4: forced, on, 3.3 V
WR_DIS_BLOCK1, WR_DIS_RD_DIS, RD_DIS_BLOCK1 = 1 << 7, 1 << 0, 1 << 16


class Tools(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.flash = self.folder / 'flash.bin'
        self.flash.write_bytes(b'\xff' * (4 * MIB))
        # As `idf.py qemu` and pytest-embedded make it: revision 3 and nothing else.
        self.efuse = self.folder / 'efuse.bin'
        self.expected = [0] * 31
        self.expected[3], self.expected[5] = 0x8000, 0x100000
        self.efuse.write_bytes(struct.pack('<31I', *self.expected))
        self.machine = None
        self.addCleanup(self.stop)

    def start(self):
        """A machine in download mode, as a tool that has a stub loaded into it finds it only once."""
        self.stop()
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.machine = subprocess.Popen(
            [ESPALIER, 'qemu', '-nographic', '-machine', 'esp32',
             '-global', 'driver=esp32.gpio,property=strap_mode,value=0x0f',
             '-drive', f'file={self.flash},if=mtd,format=raw',
             '-drive', f'file={self.efuse},if=none,format=raw,id=efuse',
             '-global', 'driver=nvram.esp32.efuse,property=drive,value=efuse',
             '-serial', f'tcp::{self.port},server,nowait'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def stop(self):
        if self.machine:
            self.machine.send_signal(signal.SIGTERM)
            self.machine.wait(PATIENCE)
            self.machine = None

    def tool(self, program, *arguments, fails=False):
        result = subprocess.run([program, '--port', f'socket://127.0.0.1:{self.port}', *arguments],
                                cwd=self.folder, timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode != 0, fails, result.stdout)
        return result.stdout

    def esptool(self, *arguments):
        return self.tool(ESPTOOL, '--before', 'no_reset', '--after', 'no_reset', *arguments)

    def espefuse(self, *arguments, fails=False):
        return self.tool(ESPEFUSE, '--before', 'no_reset', '--do-not-confirm', *arguments, fails=fails)

    def assert_efuses(self):
        self.assertEqual(list(struct.unpack('<31I', self.efuse.read_bytes())), self.expected)

    def test_identifies_chip_and_flash(self):
        self.start()
        shown = self.esptool('--no-stub', 'flash_id')
        self.assertIn('ESP32-D0WDQ6-V3 (revision v3.0)', shown)
        self.assertIn('Crystal is 40MHz', shown)
        self.assertIn('Manufacturer: c8', shown)
        self.assertIn('Detected flash size: 4MB', shown)
        self.assertIn('02:e5:70:a1:1e:40', self.esptool('read_mac'))

    def test_writes_verifies_reads_and_erases(self):
        data = os.urandom(200_000)
        (self.folder / 'data').write_bytes(data)
        for stub in (['--no-stub'], []):
            self.start()
            self.assertIn('Hash of data verified', self.esptool(*stub, 'write_flash', '0x10000', 'data'))
            self.assertIn('verify OK', self.esptool(*stub, 'verify_flash', '0x10000', 'data'))
            self.stop()
            self.assertEqual(self.flash.read_bytes()[0x10000:0x10000 + len(data)], data)
        self.start()
        self.esptool('--baud', '921600', 'read_flash', '0x10000', str(len(data)), 'back')
        self.assertEqual((self.folder / 'back').read_bytes(), data)
        self.start()
        self.esptool('erase_region', '0x10000', '0x10000')
        self.stop()
        flash = self.flash.read_bytes()
        self.assertEqual(flash[0x10000:0x20000], b'\xff' * 0x10000)
        self.assertEqual(flash[0x20000:0x10000 + len(data)], data[0x10000:])
        self.start()
        self.esptool('erase_flash')
        self.stop()
        self.assertEqual(self.flash.read_bytes(), b'\xff' * (4 * MIB))

    def test_burns_efuses_for_good(self):
        self.start()
        self.assertIn('determined by GPIO12', self.espefuse('summary'))
        # What pytest-embedded's tests burn, and where they find it.
        self.espefuse('burn_custom_mac', '00:11:22:33:44:55')
        self.expected[BLOCK3], self.expected[BLOCK3 + 1], self.expected[BLOCK3 + 5] = 0x221100b8, 0x554433, 1 << 24
        self.assert_efuses()
        self.espefuse('burn_efuse', 'JTAG_DISABLE', '1')
        self.expected[6] |= JTAG_DISABLE
        self.espefuse('set_flash_voltage', '3.3V')
        self.expected[4] |= XPD_SDIO_3V3
        self.assert_efuses()
        key = bytes(range(1, 33))
        (self.folder / 'key').write_bytes(key)
        self.espefuse('burn_key', 'flash_encryption', 'key')
        self.expected[0] |= WR_DIS_BLOCK1 | RD_DIS_BLOCK1
        self.expected[BLOCK1:BLOCK1 + 8] = struct.unpack('<8I', key[::-1])
        self.assert_efuses()
        self.espefuse('write_protect_efuse', 'RD_DIS')
        self.expected[0] |= WR_DIS_RD_DIS
        self.assert_efuses()

        self.start()
        shown = self.espefuse('summary')
        self.assertIn('00:11:22:33:44:55 (CRC 0xb8 OK)', shown)
        self.assertIn('?? ?? ?? ??', shown)  # the key
        self.assertIn('set to 3.3V by efuse', shown)
        self.espefuse('read_protect_efuse', 'BLOCK2', fails=True)  # RD_DIS can no longer be burnt
        self.assert_efuses()


if __name__ == '__main__':
    ESPALIER = sys.argv.pop(1)
    if not ESPTOOL or not ESPEFUSE:
        print('skipped: esptool and espefuse are not on the PATH')
        sys.exit(77)
    unittest.main()
