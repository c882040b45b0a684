#!/usr/bin/env python3
"""What the demo's web server answers, and how its TCP behaves.

usage: http_server_test.py ESPALIER [unittest options]
"""
import json
import pathlib
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'support'))
from terminal import PATIENCE, Terminal  # noqa: E402

ESPALIER = None
HELLO = b'GET /hello HTTP/1.1\r\nHost: demo\r\n\r\n'


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Demo(Terminal):
    """The emulator with the demo in it."""

    def __init__(self, *options):
        self.port = free_port()
        self.udp_port = free_port(socket.SOCK_DGRAM)
        super().__init__(subprocess.Popen(
            [ESPALIER, 'run', '--demo', '-p', f'{self.port}:80', '-p', f'{self.udp_port}:7/udp', *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        self.wait_for('listening on port 80')

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), PATIENCE)
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.buffer)
        self.buffer += data

    def line(self):
        while b'\n' not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b'\n', 1)
        return line.rstrip(b'\r')

    def take(self, length):
        while len(self.buffer) < length:
            self.more()
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def chunks(self):
        body = b''
        while length := int(self.line(), 16):
            body += self.take(length)
            assert self.line() == b''
        assert self.line() == b''
        return body

    def response(self, bodiless=False):
        """Status, header fields, body."""
        status = int(self.line().split()[1])
        fields = {}
        while line := self.line():
            name, value = line.decode().split(':', 1)
            fields[name.lower()] = value.strip()
        if bodiless or status == 100:
            return status, fields, b''
        if fields.get('transfer-encoding') == 'chunked':
            return status, fields, self.chunks()
        return status, fields, self.take(int(fields['content-length']))

    def ended(self):
        return self.buffer == b'' and self.socket.recv(100) == b''


class HttpServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo()

    @classmethod
    def tearDownClass(cls):
        cls.demo.stop()

    def connect(self):
        connection = Connection(self.demo.port)
        self.addCleanup(connection.socket.close)
        return connection

    def ask(self, request):
        """One answer, and whether the server closes after it."""
        with Connection(self.demo.port) as connection:
            connection.send(request)
            answer = connection.response()
            return answer, answer[1].get('connection') == 'close' and connection.ended()

    def check_hello(self, connection):
        status, fields, body = connection.response()
        self.assertEqual((status, fields['content-type'], body), (200, 'text/plain', b'Hello World!'))

    def test_hello(self):
        connection = self.connect()
        for _ in range(5):
            connection.send(HELLO)
            self.check_hello(connection)

    def test_status(self):
        connection = self.connect()
        connection.send(b'GET /status HTTP/1.1\r\n\r\n')
        status, fields, body = connection.response()
        self.assertEqual((status, fields['content-type']), (200, 'application/json'))
        report = json.loads(body)
        self.assertEqual(report['mac'], '02:e5:70:a1:1e:40')
        self.assertEqual(report['address'], '10.0.2.15')
        self.assertEqual(report['core'], 1)
        self.assertGreater(report['uptime'], 0)
        connection.send(b'GET /status HTTP/1.1\r\n\r\n')
        later = json.loads(connection.response()[2])
        self.assertGreater(later['requests'], report['requests'])
        self.assertGreaterEqual(later['uptime'], report['uptime'])

    def test_echo(self):
        connection = self.connect()
        for body in (b'', b'a', bytes(range(256)) * 9):
            connection.send(b'POST /echo HTTP/1.1\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
            self.assertEqual(connection.response()[::2], (200, body))

    def test_long_echo(self):
        connection = self.connect()
        body = random.Random(1).randbytes(1_000_000)
        connection.send(b'POST /echo HTTP/1.1\r\nContent-Length: %d\r\n\r\n' % len(body))
        sender = threading.Thread(target=connection.send, args=(body,))
        sender.start()
        self.assertEqual(connection.response()[2], body)
        sender.join()

    def test_chunked_echo(self):
        connection = self.connect()
        connection.send(b'POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
                        b'5\r\nabcde\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n' + HELLO)
        self.assertEqual(connection.response()[2], b'abcde0123456789')
        self.check_hello(connection)

    def test_expect_continue(self):
        connection = self.connect()
        connection.send(b'POST /echo HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n')
        self.assertEqual(connection.response()[0], 100)
        connection.send(b'abc')
        self.assertEqual(connection.response()[2], b'abc')

    def test_unknown_and_not_allowed(self):
        for request, status, allow in ((b'GET /nothing', 404, None), (b'GET /hello/', 404, None),
                                       (b'POST /nothing', 404, None), (b'DELETE /hello', 405, 'GET, HEAD'),
                                       (b'POST /status', 405, 'GET, HEAD'), (b'GET /echo', 405, 'POST')):
            with self.subTest(request=request):
                connection = self.connect()
                # A body that nobody wants does not confuse the next request.
                connection.send(request + b' HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody' + HELLO)
                answer = connection.response()
                self.assertEqual((answer[0], answer[1].get('allow')), (status, allow))
                self.check_hello(connection)

    def test_head(self):
        connection = self.connect()
        connection.send(b'HEAD /hello HTTP/1.1\r\n\r\n' + HELLO)
        self.assertEqual(connection.response(bodiless=True)[1]['content-length'], '12')
        self.check_hello(connection)

    def test_forms_of_the_target(self):
        connection = self.connect()
        for target in (b'/hello?a=b', b'http://demo/hello', b'HTTP://demo:80/hello?x'):
            connection.send(b'GET ' + target + b' HTTP/1.1\r\n\r\n')
            self.check_hello(connection)

    def test_pipelined(self):
        connection = self.connect()
        connection.send(HELLO * 300)
        for _ in range(300):
            self.check_hello(connection)

    def test_byte_by_byte(self):
        connection = self.connect()
        for byte in HELLO:
            connection.send(bytes([byte]))
            time.sleep(0.001)
        self.check_hello(connection)

    def test_close(self):
        self.assertTrue(self.ask(b'GET /hello HTTP/1.1\r\nConnection: x, Close\r\n\r\n')[1])
        connection = self.connect()
        connection.send(b'GET /hello HTTP/1.0\r\n\r\n')
        self.check_hello(connection)
        self.assertTrue(connection.ended())
        connection = self.connect()
        connection.send(b'GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n')
        self.assertEqual(connection.response()[1]['connection'], 'keep-alive')
        connection.send(b'GET /hello HTTP/1.0\r\n\r\n')
        self.check_hello(connection)
        self.assertTrue(connection.ended())

    def test_malformed(self):
        many = b''.join(b'X-%d: %s\r\n' % (i, b'a' * 60) for i in range(300))
        for request, status in ((b'GARBAGE\r\n\r\n', 400), (b'GET /hello\r\n\r\n', 400),
                                (b'GET /hello HTTP/2.0\r\n\r\n', 505), (b'GET / HTTP/1.1\r\nno colon\r\n\r\n', 400),
                                (b'POST /echo HTTP/1.1\r\n\r\n', 411),
                                (b'POST /echo HTTP/1.1\r\nContent-Length: 1x\r\n\r\n', 400),
                                (b'POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400),
                                (b'POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', 501),
                                (b'POST /echo HTTP/1.1\r\nExpect: miracles\r\n\r\n', 417),
                                (b'GET /' + b'a' * 3000 + b' HTTP/1.1\r\n\r\n', 414),
                                (b'GET / HTTP/1.1\r\nX: ' + b'a' * 3000 + b'\r\n\r\n', 431),
                                (b'GET / HTTP/1.1\r\n' + many + b'\r\n', 431)):
            with self.subTest(request=request[:40]):
                answer, closed = self.ask(request)
                self.assertEqual(answer[0], status)
                self.assertTrue(closed)

    def test_half_close(self):
        connection = self.connect()
        connection.send(HELLO * 3)
        connection.socket.shutdown(socket.SHUT_WR)
        for _ in range(3):
            self.check_hello(connection)
        self.assertTrue(connection.ended())
        connection = self.connect()
        connection.send(b'GET /hel')
        connection.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(connection.ended())

    def test_resets_do_no_harm(self):
        for _ in range(50):
            with Connection(self.demo.port) as connection:
                connection.send(HELLO[:10])
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.check_hello_of(Connection(self.demo.port))

    def check_hello_of(self, connection):
        with connection:
            connection.send(HELLO)
            self.check_hello(connection)

    def run_clients(self, count, requests):
        problems = []

        def client():
            try:
                with Connection(self.demo.port) as connection:
                    for _ in range(requests):
                        connection.send(HELLO)
                        if connection.response()[2] != b'Hello World!':
                            problems.append('a wrong answer')
            except (OSError, EOFError) as problem:
                problems.append(repr(problem))

        clients = [threading.Thread(target=client) for _ in range(count)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        self.assertEqual(problems, [])

    def test_many_connections_at_once(self):
        self.run_clients(32, 50)

    def test_more_connections_than_there_is_room_for(self):
        self.run_clients(48, 5)

    def test_connections_one_after_another(self):
        for _ in range(200):
            self.check_hello_of(Connection(self.demo.port))

    def test_a_reader_that_does_not_read(self):
        connection = self.connect()
        connection.socket.setblocking(False)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += connection.socket.send(HELLO * 100)
        except BlockingIOError:
            pass  # everything on the way is full
        connection.socket.setblocking(True)
        self.check_hello_of(Connection(self.demo.port))  # others are served
        for _ in range(sent // len(HELLO)):
            self.check_hello(connection)

    def test_udp_echo(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(PATIENCE)
            udp.connect(('127.0.0.1', self.demo.udp_port))
            for data in (b'x', bytes(1000), bytes(range(200))):
                udp.send(data)
                self.assertEqual(udp.recv(2000), data)

    # ---- Pings: names and other devices are tests/fleet/lan_test.py's ----

    def test_ping(self):
        connection = self.connect()
        for _ in range(2):  # the second time it knows the MAC address
            connection.send(b'GET /ping/10.0.2.2?from=test HTTP/1.1\r\n\r\n')
            status, fields, body = connection.response()
            self.assertEqual((status, fields['content-type']), (200, 'application/json'))
            answer = json.loads(body)
            self.assertEqual((answer['name'], answer['address']), ('10.0.2.2', '10.0.2.2'))
            self.assertTrue(0 < answer['us'] < 1_000_000, answer)
        connection.send(b'GET /ping/10.0.2.15 HTTP/1.1\r\n\r\n')
        self.assertEqual(json.loads(connection.response()[2])['us'], 0)  # itself

    def test_ping_without_an_answer(self):
        begin = time.monotonic()
        (status, _, body), _ = self.ask(b'GET /ping/10.0.2.77 HTTP/1.1\r\n\r\n')
        self.assertEqual((status, body), (504, b'504 Gateway Timeout'))
        self.assertGreater(time.monotonic() - begin, 0.9)
        for name in (b'', b'a..b', b'a%20b', b'"', b'10.0.2.256.', b'x' * 64):
            self.assertEqual(self.ask(b'GET /ping/' + name + b' HTTP/1.1\r\n\r\n')[0][0], 404, name)
        (status, fields, _), _ = self.ask(b'POST /ping/10.0.2.2 HTTP/1.1\r\nContent-Length: 0\r\n\r\n')
        self.assertEqual((status, fields['allow']), (405, 'GET, HEAD'))

    def test_pings_of_many_connections_and_what_follows_them(self):
        connections = [self.connect() for _ in range(8)]
        for n, connection in enumerate(connections):
            target = b'10.0.2.2' if n % 2 == 0 else b'10.0.2.77'
            # The next request waits for the ping's answer; a body is skipped.
            connection.send(b'GET /ping/' + target + b' HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody' + HELLO)
        for n, connection in enumerate(connections):
            self.assertEqual(connection.response()[0], 200 if n % 2 == 0 else 504)
            self.check_hello(connection)

    def test_a_client_that_has_ended_gets_its_pings_answer(self):
        connection = self.connect()
        connection.send(b'GET /ping/10.0.2.77 HTTP/1.1\r\n\r\n')
        connection.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.response()[0], 504)
        self.assertTrue(connection.ended())
        for _ in range(40):  # more than there are slots: one that goes away leaves nothing behind
            with Connection(self.demo.port) as leaving:
                leaving.send(b'GET /ping/10.0.2.77 HTTP/1.1\r\n\r\n')
        self.assertEqual(self.ask(b'GET /ping/10.0.2.2 HTTP/1.1\r\n\r\n')[0][0], 200)


class Console(unittest.TestCase):
    def test_commands(self):
        demo = Demo()
        self.addCleanup(demo.stop)
        demo.type('status\r')
        demo.wait_for('0 connections, 0 requests')
        demo.type('nonsense\r')
        demo.wait_for('commands: status, restart, panic')
        seen = len(demo.console)
        demo.type('panic\r')
        demo.wait_for('panic: core 0: asked for at the console', seen)
        demo.wait_for('backtrace: ', seen)
        demo.wait_for('rst:0x3 (SW_RESET)', seen)
        demo.wait_for('listening on port 80', seen)
        with Connection(demo.port) as connection:
            connection.send(HELLO)
            self.assertEqual(connection.response()[2], b'Hello World!')


if __name__ == '__main__':
    ESPALIER = sys.argv.pop(1)
    unittest.main()
