#!/usr/bin/env python3
"""QEMU's command line, end to end, with the demo guest in a flash image of its own.

usage: qemu_test.py ESPALIER HTTP_SERVER_BIN [unittest options]

HTTP_SERVER_BIN is what lies in the demo's flash from 0x1000 on.
"""
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'support'))
from terminal import PATIENCE, Terminal  # noqa: E402

ESPALIER = None
PROGRAM = None
READY = 'listening on port 80'
CTRL_A = '\x01'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'{what} within {PATIENCE} s')
        time.sleep(0.02)


def hello(port):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/hello', timeout=PATIENCE) as answer:
        return answer.read()


class Qemu(Terminal):
    """A running `qemu-system-xtensa`, its terminal, and what has appeared there."""

    def __init__(self, folder, *arguments, **options):
        link = pathlib.Path(folder, 'qemu-system-xtensa')
        if not link.exists():
            link.symlink_to(ESPALIER)
        super().__init__(subprocess.Popen([str(link), *arguments], cwd=folder, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options))

    def end(self):
        """Waits for the end that somebody has asked for; exit code and standard error."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        self.console += output
        return self.process.returncode, errors.decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class QmpClient:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile()
        assert 'QMP' in json.loads(self.lines.readline())
        self.call('qmp_capabilities')

    def call(self, command, **arguments):
        self.socket.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode())
        while 'event' in (answer := json.loads(self.lines.readline())):
            pass
        return answer['return']

    def close(self):
        self.lines.close()
        self.socket.close()


def kernel(text):
    """An ELF file of a program in IRAM that writes `text` to UART0's FIFO and stays in a loop."""
    base = 0x40080000
    code = struct.pack('<I', 0x3FF40000)  # UART_FIFO_REG
    code += bytes([0x21, 0xff, 0xff])  # l32r a2, base
    for letter in text.encode():
        code += bytes([0x32, 0xa0, letter])  # movi a3, letter
        code += bytes([0x32, 0x62, 0x00])  # s32i a3, a2, 0
    code += bytes([0x06, 0xff, 0xff])  # j .
    header = struct.pack('<4sBBBB8xHHIIIIIHHHHHH', b'\x7fELF', 1, 1, 1, 0, 2, 94, 1, base + 4, 52, 0, 0, 52, 32, 1,
                         0, 0, 0)
    segment = struct.pack('<IIIIIIII', 1, 84, base, base, len(code), len(code), 5, 4)
    return header + segment + code


class CommandLine(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        os.chmod(self.folder, 0o755)
        self.flash = self.folder / 'merged_qemu.bin'
        self.flash.write_bytes((b'\xff' * 0x1000 + PROGRAM.read_bytes()).ljust(0x400000, b'\xff'))
        self.port = free_port()

    def start(self, *arguments, **options):
        qemu = Qemu(self.folder, *arguments, **options)
        self.addCleanup(qemu.stop)
        return qemu

    def mission(self, *more, port_of='', **options):
        """The command line that this project began with."""
        return self.start('-nographic', '-machine', 'esp32', '-nic',
                          f'user,model=open_eth,id=lo0,hostfwd=tcp:{port_of}:{self.port}-:80', '-drive',
                          'file=merged_qemu.bin,if=mtd,format=raw', *more, **options)

    def test_the_missions_line_serves_and_ends_by_key(self):
        qemu = self.mission()
        qemu.wait_for(READY)
        self.assertEqual(hello(self.port), b'Hello World!')
        qemu.type(CTRL_A + 'h')
        qemu.wait_for('C-a x')
        qemu.type(CTRL_A + 'x')
        self.assertEqual(qemu.end()[0], 0)

    def test_an_empty_address_is_every_address(self):
        qemu = self.mission()
        qemu.wait_for(READY)
        with socket.create_connection(('127.0.0.2', self.port), PATIENCE):
            pass
        qemu.type(CTRL_A + 'x')
        qemu.end()
        qemu = self.mission(port_of='127.0.0.1')
        qemu.wait_for(READY)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.2', self.port), PATIENCE).close()

    def test_as_the_command_of_a_container(self):
        for name in ('qemu', 'qemu-system-xtensa'):
            done = subprocess.run([ESPALIER, name, '-version'], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 0)
            self.assertIn('QEMU emulator version', done.stdout)

    def test_the_monitor_shares_the_terminal(self):
        qemu = self.mission()
        qemu.wait_for(READY)
        qemu.type(CTRL_A + 'c')
        qemu.wait_for('(qemu) ')
        for command, answer in (('info status', 'VM status: running'), ('stop', '(qemu)'),
                                ('info status', 'VM status: paused'), ('cont', '(qemu)'),
                                ('info network', 'type=user'), ('info registers', 'A00='), ('system_reset', '(qemu)')):
            seen = len(qemu.console)
            qemu.type(command + '\n')
            qemu.wait_for(answer, seen)
        qemu.type(CTRL_A + 'c')
        qemu.wait_for(READY, seen)
        qemu.type(CTRL_A + 'c' + 'quit\n')
        self.assertEqual(qemu.end()[0], 0)

    def test_the_trace_of_the_ethernet_driver(self):
        qemu = self.mission('--trace', 'open_eth*')
        qemu.wait_for(READY)
        hello(self.port)
        qemu.type(CTRL_A + 'x')
        code, errors = qemu.end()
        self.assertEqual(code, 0)
        # As QEMU's hw/net/trace-events has them.
        for line in (r'open_eth_reg_write MAC\[0x[0-9a-f]{2}\] <- 0x[0-9a-f]{8}',
                     r'open_eth_reg_read MAC\[0x[0-9a-f]{2}\] -> 0x[0-9a-f]{8}',
                     r'open_eth_desc_write DESC\[0x[0-9a-f]{4}\] <- 0x[0-9a-f]{8}',
                     r'open_eth_start_xmit TX: 0x[0-9a-f]{8}, len: \d+, tx_len: \d+',
                     r'open_eth_receive RX: len: \d+',
                     r'open_eth_receive_desc RX: 0x[0-9a-f]{8}, len_flags: 0x[0-9a-f]{8}',
                     r'open_eth_update_irq IRQ <- 0x4'):
            self.assertRegex(errors, rf'(?m)^.*\b{line}')
        for line in errors.splitlines():
            self.assertRegex(line, r'^\d+@\d+\.\d{6}:open_eth_')

    def test_trace_events_from_a_file(self):
        (self.folder / 'events').write_text('open_eth_start_xmit\n')
        qemu = self.mission('-trace', 'events=events', '-D', 'trace.log')
        qemu.wait_for(READY)
        hello(self.port)
        qemu.type(CTRL_A + 'x')
        self.assertEqual(qemu.end()[0], 0)
        events = set(re.findall(r'\bopen_eth_\w+', (self.folder / 'trace.log').read_text()))
        self.assertEqual(events, {'open_eth_start_xmit'})

    def test_captured_frames(self):
        qemu = self.start('-nographic', '-machine', 'esp32', '-netdev',
                          f'user,id=n,hostfwd=tcp:127.0.0.1:{self.port}-:80', '-net', 'nic,model=open_eth,netdev=n',
                          '-object', 'filter-dump,id=d,netdev=n,file=frames.pcap', '-drive',
                          'file=merged_qemu.bin,if=mtd,format=raw')
        qemu.wait_for(READY)
        hello(self.port)
        qemu.type(CTRL_A + 'x')
        self.assertEqual(qemu.end()[0], 0)
        frames = (self.folder / 'frames.pcap').read_bytes()
        self.assertIn(struct.unpack_from('<I', frames)[0], (0xA1B2C3D4, 0xA1B23C4D))  # in us, in ns
        self.assertIn(b'GET /hello', frames)
        self.assertIn(b'Hello World!', frames)

    def test_a_kernel_without_a_flash(self):
        (self.folder / 'kernel.elf').write_bytes(kernel('from the kernel'))
        qemu = self.start('-nographic', '-machine', 'esp32', '-kernel', 'kernel.elf')
        qemu.wait_for('from the kernel')
        qemu.type(CTRL_A + 'x')
        self.assertEqual(qemu.end()[0], 0)

    def test_a_kernel_that_fits_nowhere_is_named(self):
        program = bytearray(kernel('x'))
        struct.pack_into('<II', program, 52 + 8, 0x10000000, 0x10000000)
        (self.folder / 'kernel.elf').write_bytes(program)
        code, errors = self.start('-nographic', '-machine', 'esp32', '-kernel', 'kernel.elf').end()
        self.assertEqual(code, 1)
        self.assertEqual(len(errors.splitlines()), 1)
        self.assertIn('kernel.elf: there is no memory at 0x10000000', errors)

    def test_guest_code_is_listed_as_it_is_met(self):
        (self.folder / 'kernel.elf').write_bytes(kernel('!'))
        qemu = self.start('-nographic', '-machine', 'esp32', '-kernel', 'kernel.elf', '-d', 'in_asm,nochain', '-D',
                          'code.log')
        qemu.wait_for('!')
        qemu.type(CTRL_A + 'x')
        self.assertEqual(qemu.end()[0], 0)
        log = (self.folder / 'code.log').read_text()
        self.assertIn('----------------\nIN: \n0x40080004:  l32r', log)
        self.assertRegex(log, r'0x40080007:  movi\s+a3, 33')

    def test_in_the_background(self):
        qemu = self.mission('-daemonize', '-serial', 'file:console.log', '-display', 'none', '-pidfile', 'pid', '-qmp',
                            'unix:qmp.sock,server,wait=off')
        code, errors = qemu.end()
        self.assertEqual((code, errors), (0, ''), 'the command returns once the machine is there')
        pid = int((self.folder / 'pid').read_text())
        os.kill(pid, 0)  # it lives
        try:
            until(lambda: READY in (self.folder / 'console.log').read_text(errors='replace'), 'the guest is up')
            self.assertEqual(hello(self.port), b'Hello World!')
            client = QmpClient(self.folder / 'qmp.sock')
            self.assertEqual(client.call('query-status')['status'], 'running')
            client.call('quit')
            client.close()
            until(lambda: not (self.folder / 'pid').exists(), 'it is gone')
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise

    def test_what_fails_on_the_way_to_the_background_is_told(self):
        qemu = self.mission('-daemonize', '-serial', 'null', '-display', 'none', '-pidfile', 'nowhere/pid')
        code, errors = qemu.end()
        self.assertEqual(code, 1, 'the command waits for what the process in the background finds')
        self.assertEqual(errors, 'qemu-system-xtensa: cannot create PID file nowhere/pid: No such file or directory\n')

    def test_a_serial_port_over_tcp(self):
        port = free_port()
        qemu = self.mission('-serial', f'tcp::{port},server')
        deadline = time.monotonic() + PATIENCE
        while True:  # it waits for somebody to connect
            try:
                console = socket.create_connection(('127.0.0.1', port), PATIENCE)
                break
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
        with console:
            seen = b''
            while READY.encode() not in seen:
                seen += console.recv(65536)
        qemu.type('quit\n')  # -nographic: the monitor has the terminal
        self.assertEqual(qemu.end()[0], 0)

    def test_a_flash_that_cannot_be_written(self):
        self.flash.chmod(0o444)
        def somebody_else():
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
        qemu = self.mission(preexec_fn=somebody_else)
        qemu.wait_for(READY)
        qemu.type(CTRL_A + 'x')
        code, errors = qemu.end()
        self.assertEqual(code, 0)
        self.assertEqual(len(errors.splitlines()), 1)
        self.assertIn('warning: merged_qemu.bin cannot be written (Permission denied)', errors)

    def test_what_it_does_not_know(self):
        code, errors = self.start('-nographic', '-frobnicate').end()
        self.assertEqual((code, errors), (1, 'qemu-system-xtensa: -frobnicate: invalid option\n'))


if __name__ == '__main__':
    ESPALIER, PROGRAM = str(pathlib.Path(sys.argv.pop(1)).absolute()), pathlib.Path(sys.argv.pop(1))
    unittest.main()
