"""Whole machines: how soon they are up, what they cost while they do little or nothing, whether they keep time."""
import json
import os
import re
import socket
import subprocess
import sys
import time

from .guest import Failed, Guest


def start_up(engine, image, text, clock, repeats):
    """From the start of the process to `text` on the console: [(seconds, processor seconds)] of each repeat."""
    results = []
    for _ in range(repeats):
        with Guest(engine.command(image, clock)) as guest:
            seconds = guest.expect(text)
            results.append((seconds, guest.cpu()))
    return results


def micropython_loop(engine, image, turns=1_000_000):
    """(seconds, processor seconds) of a loop typed into MicroPython's prompt, until the prompt is back."""
    with Guest(engine.command(image)) as guest:
        guest.expect('>>> ')
        for line in ('import gc', 's=0', 'gc.collect()'):
            guest.send(line + '\r')
            guest.expect('>>> ')
        guest.send(f'for i in range({turns}): s+=i*3^(i>>2)\r')
        guest.expect('... ')
        before, cpu = time.monotonic(), guest.cpu()
        guest.send('\r')
        guest.expect('>>> ', 300)
        seconds, cpu = time.monotonic() - before, guest.cpu() - cpu
        guest.send('print(s)\r')
        expected = sum(i * 3 ^ (i >> 2) for i in range(turns))
        guest.line()
        if (answer := guest.line()) != str(expected):
            guest.expect('>>> ')
            raise Failed(f'MicroPython computes something else than {expected} on {engine.name}: '
                         f'{guest.console[-300:].decode("utf-8", "replace")!r}')
        return seconds, cpu


def idle(engine, image, text, settle, seconds):
    """A machine that waits: (resident MiB, most so far, share of one core). `text`: when it has started; `settle`: the
    seconds after that until the measurement begins."""
    with Guest(engine.command(image)) as guest:
        guest.expect(text)
        guest.run_for(settle)
        before, cpu = time.monotonic(), guest.cpu()
        guest.run_for(seconds)
        share = (guest.cpu() - cpu) / (time.monotonic() - before)
        return (*guest.memory(), share)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def http_get(port, path='/hello', patience=60):
    """The body that the guest answers with. Asks again until somebody listens and knows the path: servers start before
    what they serve is registered."""
    deadline = time.monotonic() + patience
    last = 'nobody listens'
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection(('127.0.0.1', port), left) as connection:
                connection.settimeout(left)
                connection.sendall(f'GET {path} HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n'.encode())
                last = 'no answer'
                head, body = whole_answer(connection)
                if ' 200 ' in head[0]:
                    return body
                last = head[0] or last
        except OSError:
            pass
        time.sleep(0.0005)
    raise Failed(f'GET {path} from port {port}: {last} within {patience} s')


def whole_answer(connection):
    """(lines of the head, body), by Content-Length, or all until the connection ends."""
    answer = b''
    while data := connection.recv(65536):
        answer += data
        head, end, body = answer.partition(b'\r\n\r\n')
        length = re.search(rb'^content-length: *(\d+)', head, re.MULTILINE | re.IGNORECASE)
        if end and length and len(body) >= int(length.group(1)):
            break
    head, _, body = answer.partition(b'\r\n\r\n')
    return head.decode('latin-1').split('\r\n'), body


def first_answer(engine, image=None, path='/hello'):
    """Seconds from the start of the process to the first HTTP answer, and the processor's."""
    port = free_port()
    with Guest(engine.command(image, publish=(port, 80))) as guest:
        http_get(port, path)
        return time.monotonic() - guest.started, guest.cpu()


def served(engine, program, connections, seconds, image=None, path='/hello'):
    """What `espalier load` (of `program`) reports of `connections` that ask for `path` over and over; with it "rss", the guest
    process's memory in MiB, and "cpu", its share of one core."""
    port = free_port()
    with Guest(engine.command(image, publish=(port, 80))) as guest:
        http_get(port, path)
        before, cpu = time.monotonic(), guest.cpu()
        load = subprocess.Popen([program, 'load', '-c', str(connections), '-d', str(seconds), '--json', '-',
                                 f'http://127.0.0.1:{port}{path}'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while load.poll() is None:
            guest.run_for(0.02)  # a console that nobody reads would make the guest wait
        said, complaints = load.communicate()
        if load.returncode != 0:
            raise Failed(complaints.strip() or said.strip())
        report = json.loads(said)
        report['cpu'] = (guest.cpu() - cpu) / (time.monotonic() - before)
        report['rss'] = guest.memory()[0]
        return report


BUSY = 'while True: pass'


def clock_drift(engine, image, seconds, overload):
    """Runs guest/bench's ticks for `seconds` while `overload` busy processes a host core compete with it. Returns how
    far the guest is behind the host at the end, in seconds (negative: ahead): by its ticks, by its timer, and how
    exactly that could be told (the shortest round trip of a question)."""

    def ask(guest):
        best = None
        for _ in range(15):
            asked = time.monotonic()
            guest.send('ticks\n')
            guest.expect('ticks ')
            ticks, us = (int(word) for word in guest.line().split())
            answered = time.monotonic()
            if best is None or answered - asked < best[0]:
                best = answered - asked, (asked + answered) / 2, ticks * 0.01, us * 1e-6
        return best

    rivals = []
    try:
        with Guest(engine.command(image)) as guest:
            guest.expect('ready')
            guest.line()
            first = ask(guest)
            rivals = [subprocess.Popen([sys.executable, '-c', BUSY])
                      for _ in range(overload * (os.cpu_count() or 1))]
            guest.run_for(seconds)
            for rival in rivals:
                rival.kill()
            last = ask(guest)
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
    passed = last[1] - first[1]
    return passed - (last[2] - first[2]), passed - (last[3] - first[3]), (first[0] + last[0]) / 2
