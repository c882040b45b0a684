"""Many devices in one process: what each costs, and how they answer together."""
import collections
import concurrent.futures
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from .guest import Failed
from .machines import http_get

PATIENCE = 300


class Fleet:
    """A running `espalier fleet up`, in a runtime folder of its own. Use it in a `with`: it ends with it."""

    def __init__(self, program, folder, *arguments):
        self.program, self.folder = str(program), folder
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=folder)
        self.events, self.news = collections.Counter(), threading.Condition()
        self.started = time.monotonic()
        self.process = subprocess.Popen([self.program, 'fleet', 'up', '--json', *map(str, arguments)], env=self.environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def read(self):
        """What happens, a line each: to ask the fleet would take the workers' time."""
        for line in self.process.stdout:
            with self.news:
                self.events[json.loads(line)['kind']] += 1
                self.news.notify()
        with self.news:
            self.events['end'] += 1
            self.news.notify()

    def ask(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed((done.stderr or done.stdout).strip())
        return done.stdout

    def wait_for(self, kind, count, what):
        """Until there have been `count` events of the kind; returns the seconds since the start of the process."""
        with self.news:
            in_time = self.news.wait_for(lambda: self.events[kind] >= count or self.events['end'], PATIENCE)
            seconds = time.monotonic() - self.started
            if self.events[kind] >= count:
                return seconds
        raise Failed(self.process.stderr.read().strip() or 'the fleet has ended' if in_time else
                     f'{what}: not within {PATIENCE} s')

    def cpu(self):
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def own_mib(self):
        """What would be free without the process; pages that its machines share count once."""
        with open(f'/proc/{self.process.pid}/smaps_rollup', encoding='ascii') as lines:
            sizes = dict(line.split()[:2] for line in list(lines)[1:])
        return int(sizes['Pss:']) / 1024


def demo_snapshot(program, folder):
    path = f'{folder}/demo.snap'
    done = subprocess.run([str(program), 'snapshot', 'create', '--demo', '--clock', 'warp', '--until',
                           'listening on port 80', '-o', path], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return path


def clones(program, count, base, rate, seconds):
    """`count` clones of the demo guest, idle and then under `rate` requests a second spread over them: a dictionary
    of figures."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = demo_snapshot(program, folder)
        with Fleet(program, folder, snapshot, '--name', 'bench', '-n', count, '-p', f'127.0.0.1:{base}+:80') as fleet:
            up = fleet.wait_for('up', 1, f'{count} clones run')
            boots = fleet.cpu()
            for port in range(base, base + count):
                http_get(port)
            time.sleep(2)
            before, cpu = time.monotonic(), fleet.cpu()
            time.sleep(5)
            idle = (fleet.cpu() - cpu) / (time.monotonic() - before)
            own = fleet.own_mib()
            load = json.loads(fleet.ask('load', '--fleet', 'bench', '-c', str(min(count, 1000)), '--rate', str(rate), '-d',
                                        str(seconds), '--warmup', '2', '--allow-errors', '--json', '-'))
            return {'up': up, 'clone_ms': boots / count * 1000, 'idle': idle, 'own': own, 'load': load}


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def echo_between(device, other):
    """A frame for `other` with a datagram that says it is from `device`, both ports being those where the demo sends
    back what comes: the two pass it to each other for good."""
    mac = bytes.fromhex(other['mac'].replace(':', ''))
    header = struct.pack('!BBHHHBBH', 0x45, 0, 32, 0, 0x4000, 64, 17, 0) + socket.inet_aton(device['address']) + \
        socket.inet_aton(other['address'])
    header = header[:10] + struct.pack('!H', checksum(header)) + header[12:]
    frame = mac + b'\2\xee\0\0\0\1' + b'\x08\0' + header + struct.pack('!HHHH', 7, 7, 12, 0) + b'ping'
    frame = frame.ljust(60, b'\0')
    return struct.pack('!I', len(frame)) + frame


def exchange(program, pairs, workers, base, in_flight, seconds):
    """Pairs of demo devices on one network that pass small datagrams to each other, `in_flight` in each pair: frames
    a second through the switch, and the process's processor time for each."""
    count = 2 * pairs
    with tempfile.TemporaryDirectory() as folder:
        with Fleet(program, folder, '--demo', '--name', 'bench', '-n', count, '--net', 'lan', '--workers', workers, '-p',
                   f'127.0.0.1:{base}+:80', '--uplink', f'listen:127.0.0.1:{base + count}') as fleet:
            fleet.wait_for('ready', count, f'{count} devices are ready')
            devices = json.loads(fleet.ask('fleet', 'ps', '--json'))
            # Neighbours in number have different workers. Each learns the other's MAC address.
            for n, device in enumerate(devices):
                http_get(base + n, f'/ping/{devices[n ^ 1]["address"]}')
            with socket.create_connection(('127.0.0.1', base + count)) as uplink:
                for n in range(0, count, 2):
                    for _ in range(in_flight):
                        uplink.sendall(echo_between(devices[n], devices[n + 1]))

                def sent():
                    return sum(device['frames_out'] for device in json.loads(fleet.ask('fleet', 'stats', '--json'))['devices'])
                time.sleep(1)
                begin, frames, cpu = time.monotonic(), sent(), fleet.cpu()
                time.sleep(seconds)
                frames, cpu, passed = sent() - frames, fleet.cpu() - cpu, time.monotonic() - begin
            if frames < in_flight * pairs * seconds:
                raise Failed(f'the datagrams have been lost: {frames} frames')
            return {'rate': frames / passed, 'cpu_us': cpu / frames * 1e6, 'cores': cpu / passed}


def cold_boots(program, image, text, count):
    """Machines of `image` that show `text` on their consoles, a second, in `warp`: each is booted by a fleet and goes on
    to its first reset, while others boot."""
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/cold.toml'
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'[fleet]\nname = "cold"\nnet = "none"\n[[device]]\nname = "d"\nimage = {json.dumps(str(image))}\n'
                       f'count = {count}\nclock = "warp"\nready = {json.dumps(text)}\nrestart = "no"\n'
                       'reset-limit = 0\n')
        with Fleet(program, folder, '--from', path) as fleet:
            return count / fleet.wait_for('ready', count, f'{count} boots')


def cold_processes(program, image, text, count):
    """The same, each a process of its own that ends then; as many at a time as there are processors."""
    command = [str(program), 'run', str(image), '--clock', 'warp', '--net', 'none', '--until', text]

    def boot(_):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        started = time.monotonic()
        list(pool.map(boot, range(count)))
        return count / (time.monotonic() - started)
