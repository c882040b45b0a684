#!/usr/bin/env python3
"""espalier snapshot create and info, and run with what they made.

usage: snapshot_test.py ESPALIER [unittest options]
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ESPALIER = None
PATIENCE = 60  # seconds; a busy host is slow
READY = 'listening on port 80'


def espalier(*arguments):
    return subprocess.run([ESPALIER, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE)


def counts(done):
    """What each core has executed since power-on, of --stats."""
    return re.findall(rb'(PRO|APP) CPU instructions +(\d+)', done.stderr)


class Snapshots(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.file = pathlib.Path(cls.temporary.name, 'demo.snap')
        cls.made = espalier('snapshot', 'create', '--demo', '--clock', 'warp', '--until', READY, '-o', cls.file)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_what_it_says(self):
        self.assertEqual(self.made.returncode, 0, self.made.stderr)
        self.assertIn(READY.encode(), self.made.stdout)
        self.assertLess(self.file.stat().st_size, 200_000, 'empty memory takes no room')
        text = espalier('snapshot', 'info', self.file).stdout.decode()
        self.assertIn('the demo guest', text)
        report = json.loads(espalier('snapshot', 'info', self.file, '--json').stdout)
        self.assertEqual(report['kind'], 'snapshot')
        self.assertTrue(report['guest_address'])
        self.assertGreater(report['instructions'], 100_000)

    def test_it_goes_on_exactly(self):
        # Without the network, whose packets come when the host brings them.
        file = self.file.with_name('alone.snap')
        for engine in ('jit', 'interp'):
            made = espalier('snapshot', 'create', '--demo', '--net', 'none', '--clock', 'warp', '--after', '0.005', '-o',
                            file, '--engine', engine)
            self.assertEqual(made.returncode, 0, made.stderr)
            later = file.with_name('later.snap')
            chained = espalier('snapshot', 'create', file, '--net', 'none', '--clock', 'warp', '--after', '3.5', '-o', later,
                               '--stats')
            straight = espalier('snapshot', 'create', '--demo', '--net', 'none', '--clock', 'warp', '--after', '3.5', '-o',
                                file.with_name('straight.snap'), '--stats')
            self.assertEqual(made.stdout + chained.stdout, straight.stdout)
            self.assertEqual(counts(chained), counts(straight))
            self.assertEqual(len(counts(straight)), 2)

    def test_it_serves_at_once_and_as_often_as_wanted(self):
        processes = []
        try:
            ports = []
            for _ in range(3):
                with socket.socket() as probe:
                    probe.bind(('127.0.0.1', 0))
                    ports.append(probe.getsockname()[1])
                processes.append(subprocess.Popen([ESPALIER, 'run', self.file, '-p', f'{ports[-1]}:80'],
                                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
            for port in ports:
                deadline = time.monotonic() + PATIENCE
                while True:
                    try:
                        with urllib.request.urlopen(f'http://127.0.0.1:{port}/hello', timeout=PATIENCE) as answer:
                            self.assertEqual(answer.read(), b'Hello World!')
                        break
                    except OSError:
                        self.assertLess(time.monotonic(), deadline)
                        time.sleep(0.02)
        finally:
            for process in processes:
                process.kill()
                process.wait()

    def check_refused(self, what, *arguments):
        done = espalier(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(what, done.stderr.decode())

    def test_mistakes(self):
        damaged = self.file.with_name('damaged.snap')
        data = bytearray(self.file.read_bytes())
        data[len(data) // 2] ^= 1
        damaged.write_bytes(data)
        self.check_refused('damaged.snap is damaged', 'run', damaged)
        self.check_refused('damaged.snap is damaged', 'snapshot', 'info', damaged)
        self.check_refused('--until', 'snapshot', 'create', '--demo', '-o', damaged)
        self.check_refused('--until', 'snapshot', 'create', '--demo', '--until', 'x', '--after', '1', '-o', damaged)
        self.check_refused('no file is written back', 'run', self.file, '--persist')
        self.check_refused('keeps its PSRAM', 'run', self.file, '--psram', '2M')
        self.check_refused("no saved state", 'snapshot', 'info', __file__)
        timed_out = espalier('snapshot', 'create', '--demo', '--until', 'never', '--timeout', '0.2', '-o',
                             self.file.with_name('never.snap'))
        self.assertEqual(timed_out.returncode, 124)
        self.assertFalse(self.file.with_name('never.snap').exists())


if __name__ == '__main__':
    ESPALIER = str(pathlib.Path(sys.argv.pop(1)).absolute())
    unittest.main()
