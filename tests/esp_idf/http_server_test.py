#!/usr/bin/env python3
"""Builds guest/esp-idf/http_server for an emulator with the ESP-IDF of this shell, boots it and asks its web server.

usage: http_server_test.py ESPALIER PROJECT BUILD [unittest options]

BUILD is kept: a second run builds what has changed.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from idf_build import build

ESPALIER = PROJECT = BUILD = None
PATIENCE = 60  # seconds; a busy host is slow


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class HttpServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.console = tempfile.NamedTemporaryFile()
        cls.machine = subprocess.Popen([ESPALIER, 'run', BUILD, '-p', f'127.0.0.1:{cls.port}:80'],
                                       stdin=subprocess.DEVNULL, stdout=cls.console)

    @classmethod
    def tearDownClass(cls):
        cls.machine.kill()
        cls.machine.wait()
        cls.console.close()

    def get(self, path):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=PATIENCE) as answer:
                    return answer.headers, answer.read()
            except (urllib.error.URLError, ConnectionError) as error:
                if isinstance(error, urllib.error.HTTPError) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def test_hello(self):
        headers, body = self.get('/hello')
        self.assertEqual(body, b'Hello World!')
        self.assertEqual(headers['Content-Type'], 'text/plain')

    def test_status(self):
        headers, body = self.get('/status')
        self.assertEqual(headers['Content-Type'], 'application/json')
        status = json.loads(body)
        self.assertEqual(status['network'], 'open_eth')
        self.assertEqual(status['ip'], '10.0.2.15')
        self.assertRegex(status['mac'], '^([0-9a-f]{2}:){5}[0-9a-f]{2}$')
        self.assertGreater(status['uptime_s'], 0)
        self.assertGreater(status['heap_free'], 100000)
        self.assertLessEqual(status['heap_lowest'], status['heap_free'])

    def test_more_clients_than_connections(self):
        """The server closes the connection that has been silent longest, and serves all."""
        self.get('/hello')
        clients = []
        for _ in range(20):
            client = socket.create_connection(('127.0.0.1', self.port), PATIENCE)
            clients.append(client)
            client.sendall(b'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n')
            text = b''
            while not text.endswith(b'Hello World!'):
                data = client.recv(4096)
                self.assertTrue(data, text)
                text += data
        for client in clients:
            client.close()

    def test_connection_close(self):
        self.get('/hello')
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE) as client:
            client.sendall(b'GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            text = b''
            while data := client.recv(4096):
                text += data
            self.assertTrue(text.endswith(b'\r\n\r\nHello World!'), text)

    def test_nothing_there(self):
        with self.assertRaises(urllib.error.HTTPError) as raised:
            self.get('/nothing')
        self.assertEqual(raised.exception.code, 404)
        raised.exception.close()


if __name__ == '__main__':
    ESPALIER, PROJECT, BUILD = (os.path.abspath(argument) for argument in sys.argv[1:4])
    build(PROJECT, BUILD, 'sdkconfig.defaults;sdkconfig.qemu')
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
