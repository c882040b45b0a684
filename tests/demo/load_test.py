#!/usr/bin/env python3
"""`espalier load` and `espalier load sweep` against the demo guest.

usage: load_test.py ESPALIER
"""
import csv
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def load(*arguments, **more):
    return subprocess.run([ESPALIER, 'load', *map(str, arguments)], capture_output=True, text=True, timeout=200, **more)


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ports = [free_port() for _ in range(2)]
        cls.guests = [subprocess.Popen([ESPALIER, 'run', '--demo', '-p', f'127.0.0.1:{port}:80'],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                      for port in cls.ports]
        deadline = time.monotonic() + 60
        for port in cls.ports:
            while load(f'http://127.0.0.1:{port}/hello', '-n', 1).returncode != 0:
                assert time.monotonic() < deadline, 'the demo guest does not answer'

    @classmethod
    def tearDownClass(cls):
        for guest in cls.guests:
            guest.terminate()
            guest.communicate()

    def report(self, *arguments):
        done = load(*(f'http://127.0.0.1:{port}/hello' for port in self.ports), '--json', '-', *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_closed_loop(self):
        report = self.report('-c', 8, '-n', 2000, '-d', 60)
        self.assertEqual((report['loop'], report['answered'], report['failed']), ('closed', 2000, 0))
        self.assertEqual(report['body_bytes'], 2000 * len('Hello World!'))

    def test_open_loop(self):
        report = self.report('-c', 8, '--rate', 200, '-d', 2, '--warmup', 0.5)
        self.assertEqual((report['loop'], report['answered'], report['failed']), ('open', 400, 0))
        self.assertEqual([target['answered'] for target in report['targets']], [200, 200])

    def test_without_keep_alive(self):
        self.assertEqual(self.report('--no-keepalive', '-c', 4, '-n', 200, '-d', 60)['connections_opened'], 200)

    def test_a_path_that_is_not_there(self):
        done = load(f'http://127.0.0.1:{self.ports[0]}/nothing', '-n', 5, '-c', 1)
        self.assertEqual(done.returncode, 1)
        self.assertIn('status 404 5', done.stdout)

    def test_sweep(self):
        with tempfile.TemporaryDirectory() as folder:
            done = load('sweep', '--demo', '-n', '1,3', '--rates', '50,100', '-d', 1, '--out', folder,
                        '--base-port', free_port_range(3))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            folder = pathlib.Path(folder)
            rows = list(csv.DictReader((folder / 'sweep.csv').read_text().splitlines()))
            self.assertEqual([(row['devices'], row['rate'], row['answered'], row['failed']) for row in rows],
                             [('1', '50', '50', '0'), ('1', '100', '100', '0'),
                              ('3', '50', '50', '0'), ('3', '100', '100', '0')])
            self.assertTrue(all(float(row['memory_mib']) > 1 for row in rows))
            self.assertEqual(len(json.loads((folder / 'sweep.json').read_text())['rows']), 4)
            xml.etree.ElementTree.parse(folder / 'sweep.svg')


def free_port_range(count):
    """The first of so many ports that are free."""
    for base in range(21000, 60000, 97):
        try:
            for port in range(base, base + count):
                with socket.socket() as probe:
                    probe.bind(('127.0.0.1', port))
            return base
        except OSError:
            pass
    raise RuntimeError('no free ports')


if __name__ == '__main__':
    ESPALIER = sys.argv.pop(1)
    unittest.main()
