#!/usr/bin/env python3
"""Fleets of demo devices by the commands of `espalier fleet`: up, ps, logs, exec, scale, down, and what is left
after a process that was killed.

usage: fleet_test.py ESPALIER [unittest options]
"""
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ESPALIER = None
PATIENCE = 120  # seconds; a busy host is slow


def eventually(condition, what):
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'{what} has not come about')
        time.sleep(0.02)


def base_port(count):
    """The first of so many ports in a row that nobody listens at now."""
    for base in range(20000, 60000, 97):
        probes = []
        try:
            for port in range(base, base + count):
                probes.append(socket.socket())
                probes[-1].bind(('127.0.0.1', port))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError('no free ports')


def lives(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'  # nobody may have waited for it yet
    except FileNotFoundError:
        return False


def get(port, path='/hello'):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}{path}', timeout=PATIENCE) as answer:
        return answer.status, answer.read()


class FleetTest(unittest.TestCase):
    def setUp(self):
        self.runtime = tempfile.mkdtemp(prefix='espalier-fleet-')
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.runtime)
        self.foreground = []

    def tearDown(self):
        for process in self.foreground:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for name in self.files():
            if name.endswith('.pid'):
                self.run_fleet('down', '--name', name[:-4])
        shutil.rmtree(self.runtime)

    def files(self):
        folder = os.path.join(self.runtime, 'espalier')
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def run_fleet(self, *arguments):
        return subprocess.run([ESPALIER, 'fleet', *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, text=True)

    def fleet(self, *arguments, code=0):
        done = self.run_fleet(*arguments)
        self.assertEqual(done.returncode, code, f'{arguments}: {done.stdout}{done.stderr}')
        return done.stdout if code == 0 else done.stderr

    def up(self, count, *options, name='lab'):
        """A detached fleet, ready; returns its first port."""
        base = base_port(count + 10)
        self.fleet('up', '--demo', '-n', str(count), '--name', name, '-p', f'{base}+:80', '--ready', 'listening on port',
                   '-d', *options)
        self.wait_ready(count, name)
        return base

    def devices(self, name='lab'):
        return json.loads(self.fleet('ps', '--name', name, '--json'))

    def wait_ready(self, count, name='lab'):
        def ready():
            devices = self.devices(name)
            return len(devices) == count and all(device['ready'] for device in devices) and devices
        return eventually(ready, f'{count} devices that are ready')

    def pid(self, name='lab'):
        with open(os.path.join(self.runtime, 'espalier', f'{name}.pid'), encoding='ascii') as file:
            return int(file.read())

    def kill(self, name='lab'):
        """As by the kernel's out-of-memory killer. Returns when the process is gone, with its lock."""
        with open(os.path.join(self.runtime, 'espalier', f'{name}.pid'), encoding='ascii') as file:
            os.kill(int(file.read()), signal.SIGKILL)
            fcntl.flock(file, fcntl.LOCK_EX)

    def stats(self, name='lab'):
        return json.loads(self.fleet('stats', '--name', name, '--json'))

    # ---- Life ----

    def test_twenty_devices(self):
        base = self.up(20)
        devices = self.devices()
        self.assertEqual(len({device['mac'] for device in devices}), 20)
        for ordinal, device in enumerate(devices):
            self.assertEqual(device['name'], f'lab-{ordinal}')
            self.assertEqual(device['ports'][0]['host_port'], base + ordinal)
            self.assertEqual(get(base + ordinal)[0], 200)
        table = self.fleet('ps').splitlines()
        self.assertEqual(len(table), 21)
        self.assertRegex(table[20], rf'^lab-19 +running +yes .* 127\.0\.0\.1:{base + 19}->80$')
        self.assertIn(devices[7]['mac'], self.fleet('logs', 'lab-7'))
        self.assertEqual(self.fleet('logs', 'lab-7', '--tail', '1').count('\n'), 1)
        self.assertIn('requests', self.fleet('exec', 'lab-3', 'status'))
        self.assertRegex(self.fleet('ls'), r'lab +\d+ +20 running, 20 ready +lab=20 \(demo\)')
        self.assertIn('20 running, 20 ready', self.fleet('stats'))

        self.fleet('scale', '25')
        self.wait_ready(25)
        self.assertEqual(get(base + 24)[0], 200)
        self.fleet('scale', 'lab=10')
        self.wait_ready(10)
        self.assertEqual(get(base + 9)[0], 200)
        with self.assertRaises(OSError):
            socket.create_connection(('127.0.0.1', base + 10), timeout=5).close()

        pid = self.pid()
        self.fleet('down')
        eventually(lambda: not lives(pid), 'the end of the process')
        self.assertEqual(self.files(), [])
        with self.assertRaises(OSError):
            socket.create_connection(('127.0.0.1', base), timeout=5).close()

    def test_a_guest_that_panics_or_resets_is_alone_with_it(self):
        base = self.up(5)
        self.fleet('exec', 'lab-1', 'panic', '--until', 'listening on port')
        self.fleet('exec', 'lab-2', 'restart', '--until', 'listening on port')
        stats = self.stats()
        self.assertEqual([device['panics'] for device in stats['devices']], [0, 1, 0, 0, 0])
        self.assertEqual([device['resets'] for device in stats['devices']], [0, 1, 1, 0, 0])
        self.assertEqual(stats['states']['running'], 5)
        for ordinal in range(5):
            self.assertEqual(get(base + ordinal)[0], 200)

    def test_cables_are_made_worse_and_better(self):
        base = self.up(2)
        self.assertEqual(self.fleet('net'), 'lab-0: none\nlab-1: none\n')
        shown = self.fleet('net', 'lab-1', '--latency', '100ms', '--jitter', '1ms', '--loss', '0.1%', '--rate', '10Mbit')
        self.assertEqual(shown, 'lab-1: latency 100ms, jitter 1ms, loss 0.1%, rate 10Mbit\n')
        began = time.monotonic()
        self.assertEqual(get(base + 1)[0], 200)
        self.assertGreater(time.monotonic() - began, 0.39)
        self.fleet('net', 'lab', '--partition', '--direction', 'in')
        with self.assertRaises(OSError):
            urllib.request.urlopen(f'http://127.0.0.1:{base}/hello', timeout=1)
        self.assertEqual(self.fleet('net', 'lab', '--clear'), 'lab-0: none\nlab-1: none\n')
        self.assertEqual(get(base)[0], 200)
        self.assertEqual(self.devices()[0]['network']['in']['partition'], False)
        self.assertIn("'20' is not a time", self.fleet('net', 'lab', '--latency', '20', code=2))
        self.assertIn("no device and no group 'lob'", self.fleet('net', 'lob', code=2))
        self.assertIn('whose cable?', self.fleet('net', '--clear', code=2))

    def test_faults(self):
        base = self.up(2)
        self.fleet('fault', 'lab-1', 'power-cut', '--for', '50ms', '--seed', '3')
        eventually(lambda: self.fleet('logs', 'lab-1').count('listening on port') == 2, 'the second boot')
        self.assertEqual(get(base + 1)[0], 200)
        self.assertEqual(self.fleet('logs', 'lab-0').count('listening on port'), 1)
        self.fleet('fault', 'lab', 'bit-flip', '--memory', 'flash', '--address', '0xf0000', '--bit', '3')
        self.assertIn("'power' is none of power-cut", self.fleet('fault', 'lab', 'power', code=2))
        self.assertIn("--seed: 'x' is not a whole number", self.fleet('fault', 'lab', 'power-cut', '--seed', 'x', code=2))
        self.assertIn("memory, address, bit and bits are bit-flip's",
                      self.fleet('fault', 'lab', 'power-cut', '--bit', '3', code=2))

    def test_power(self):
        base = self.up(3)
        self.fleet('stop', 'lab-0', 'lab-1')
        self.assertEqual([device['state'] for device in self.devices()], ['stopped', 'stopped', 'running'])
        with self.assertRaises(OSError):
            socket.create_connection(('127.0.0.1', base), timeout=5).close()
        self.assertIn('is not running: stopped', self.fleet('exec', 'lab-0', 'status', code=2))
        self.fleet('start', 'lab-0', 'lab-1')
        self.wait_ready(3)
        self.fleet('restart', 'lab-2')
        self.wait_ready(3)
        self.fleet('rm', 'lab-1')
        self.assertEqual([device['name'] for device in self.devices()], ['lab-0', 'lab-2'])
        self.assertEqual(get(base + 2)[0], 200)
        self.assertIn("no device 'lab-1'", self.fleet('logs', 'lab-1', code=2))

    def health(self, *arguments):
        return subprocess.run([ESPALIER, 'health', *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, text=True)

    def test_health(self):
        self.assertEqual(self.health().returncode, 1)
        base = self.up(3)
        well = self.health()
        self.assertEqual((well.returncode, well.stdout), (0, '3 of 3 devices of the fleet lab are ready\n'))
        self.assertEqual(self.health(f'http://127.0.0.1:{base}/hello').returncode, 0)
        self.assertEqual(self.health(f'http://127.0.0.1:{base}/nothing').returncode, 1)
        self.fleet('stop', 'lab-0')  # by a command: nobody misses it
        self.assertEqual(self.health('--name', 'lab').returncode, 0)
        self.assertEqual(self.health(f'http://127.0.0.1:{base}/hello').returncode, 1)
        unwell = self.health('--ready', '3')
        self.assertEqual((unwell.returncode, unwell.stderr),
                         (1, 'espalier: 2 of 2 devices of the fleet lab are ready; 3 are wanted\n'))
        self.fleet('scale', '12')
        eventually(lambda: self.health('--ready', '11').returncode == 0, 'a larger fleet that is well')
        self.kill()
        self.assertIn('no fleet runs here', self.health().stderr)

    def test_logs_can_be_followed(self):
        self.up(1)
        following = subprocess.Popen([ESPALIER, 'fleet', 'logs', '-f', 'lab-0'], env=self.environment,
                                     stdout=subprocess.PIPE, text=True)
        self.foreground.append(following)
        line = next(line for line in following.stdout if 'listening on port' in line)
        self.assertIn('demo', line)
        self.fleet('exec', 'lab-0', 'status')
        next(line for line in following.stdout if 'requests' in line)
        self.fleet('down')
        self.assertEqual(following.wait(PATIENCE), 0)

    # ---- Several, and what is left of one ----

    def test_two_fleets_side_by_side(self):
        first = self.up(2, name='one')
        second = self.up(2, name='two')
        self.assertIn('which fleet? --name NAME is one of one, two', self.fleet('ps', code=2))
        macs = {device['mac'] for name in ('one', 'two') for device in self.devices(name)}
        self.assertEqual(len(macs), 4)
        self.assertIn('a fleet named one runs already',
                      self.fleet('up', '--demo', '--name', 'one', '-d', code=2))
        self.fleet('down', '--name', 'one')
        self.assertEqual(get(second)[0], 200)
        with self.assertRaises(OSError):
            socket.create_connection(('127.0.0.1', first), timeout=5).close()

    def test_nothing_is_left_of_a_killed_process(self):
        self.up(2)
        self.kill()
        self.assertIn('runs no longer: its process was killed', self.fleet('ps', '--name', 'lab', code=2))
        self.assertEqual(self.files(), [])
        self.up(2)
        self.kill()
        base = self.up(2)  # takes the name over
        self.assertEqual(get(base)[0], 200)
        self.kill()
        self.fleet('down', '--name', 'lab')
        self.assertEqual(self.files(), [])
        self.assertIn('there is no fleet lab here', self.fleet('ps', '--name', 'lab', code=2))

    # ---- In the foreground ----

    def start_foreground(self, *command):
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.foreground.append(process)
        return process

    def test_foreground_until_interrupted(self):
        process = self.start_foreground(ESPALIER, 'fleet', 'up', '--demo', '-n', '3', '--name', 'front')
        seen = []
        for line in process.stdout:
            seen.append(line)
            if sum(' ready' in line for line in seen) == 3:
                break
        self.assertRegex(''.join(seen), r'\d\d:\d\d:\d\d front-2 started\n')
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(rest, r'fleet down\n')
        self.assertRegex(errors, r'3 devices ran for [0-9.]+ s')
        self.assertEqual(self.files(), [])

    def test_the_service_is_ended_by_sigterm(self):
        link = os.path.join(self.runtime, 'espalierd')
        os.symlink(ESPALIER, link)
        process = self.start_foreground(link, '--demo', '-n', '2', '--name', 'service', '--json')
        events = []
        for line in process.stdout:
            events.append(json.loads(line))
            if sum(event['kind'] == 'ready' for event in events) == 2:
                break
        self.assertEqual([event['id'] for event in events], list(range(1, len(events) + 1)))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.files(), [])

    def test_everything_as_lines_of_json(self):
        base = base_port(4)
        process = self.start_foreground(ESPALIER, 'fleet', 'up', '--demo', '-n', '2', '--name', 'front', '-p',
                                        f'{base}+:80', '--ready', 'listening on port', '--log-format', 'json', '--logs')
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            if sum(line['message'] == 'ready' for line in lines) == 2:
                break
        self.fleet('exec', 'front-1', 'panic', '--until', 'listening on port')
        self.fleet('scale', '3')
        self.wait_ready(3, 'front')
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, errors), (0, ''))
        lines += [json.loads(line) for line in rest.splitlines()]

        def shown(device, area):
            return [line['message'] for line in lines if line.get('device') == device and line['area'] == area]
        for device in ('front-0', 'front-1', 'front-2'):
            self.assertTrue(any('listening on port 80' in text for text in shown(device, 'console')), shown(device, 'console'))
            self.assertEqual(shown(device, 'event')[:1], ['added'])
        self.assertTrue(any(line['level'] == 'error' and line['message'].startswith('panic: ') for line in lines))
        self.assertRegex([line for line in lines if 'device' not in line][-1]['message'], '^3 devices ran for ')
        self.assertNotEqual(self.run_fleet('up', '--demo', '--logs').returncode, 0)

    # ---- Files and mistakes ----

    def test_a_file_describes_the_fleet(self):
        base = base_port(10)
        flash = os.path.join(self.runtime, 'state')
        file = os.path.join(self.runtime, 'fleet.toml')
        with open(file, 'w', encoding='utf-8') as out:
            out.write(f'[fleet]\nname = "lab"\n[[device]]\nname = "sensor"\ndemo = true\ncount = 3\n'
                      f'ports = "{base}+:80"\nready = "listening on port"\npersist = "state"\n'
                      f'[[device]]\nname = "gateway"\ndemo = true\nready = "listening on port"\n')
        self.fleet('up', '--from', file, '-d')
        names = [device['name'] for device in self.wait_ready(4)]
        self.assertEqual(names, ['sensor-0', 'sensor-1', 'sensor-2', 'gateway-0'])
        self.assertEqual(get(base + 2)[0], 200)
        self.assertEqual(sorted(os.listdir(flash)), ['sensor-0.bin', 'sensor-1.bin', 'sensor-2.bin'])
        self.assertIn('which group?', self.fleet('scale', '3', code=2))
        self.fleet('scale', 'gateway=2', 'sensor=1')
        self.wait_ready(3)

    def test_clones_of_a_snapshot(self):
        snapshot = os.path.join(self.runtime, 'demo.snap')
        subprocess.run([ESPALIER, 'snapshot', 'create', '--demo', '--clock', 'warp', '--until', 'listening on port 80', '-o',
                        snapshot], check=True, capture_output=True, timeout=60)
        base = base_port(20)
        self.fleet('up', snapshot, '-n', '20', '-p', f'{base}+:80', '-d')
        self.wait_ready(20, 'fleet')
        for n in range(20):
            self.assertEqual(get(base + n)[0], 200)
        os.remove(snapshot)
        done = subprocess.run([ESPALIER, 'load', '--fleet', 'fleet', '-c', '10', '-n', '200', '--json', '-'], check=True,
                              capture_output=True, env=self.environment, timeout=60)
        report = json.loads(done.stdout)
        self.assertEqual((report['answered'], len(report['targets'])), (200, 20))

    def test_a_running_device_is_saved_and_made_many(self):
        self.up(1)
        snapshot = os.path.join(self.runtime, 'lab.snap')
        self.fleet('snapshot', 'lab-0', '-o', snapshot)
        info = subprocess.run([ESPALIER, 'snapshot', 'info', snapshot], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(info.returncode, 0, info.stderr)
        base = base_port(4)
        self.assertEqual(self.fleet('clone', 'lab-0', '-n', '3', '--group', 'warm', '-p', f'{base}+:80'),
                         '3 devices in the new group warm\n')
        devices = self.wait_ready(4)
        self.assertEqual(len({device['mac'] for device in devices}), 4)
        self.assertEqual({device['ethernet_mac'] for device in devices}, {devices[0]['ethernet_mac']})
        for n in range(3):
            self.assertEqual(get(base + n)[0], 200)
        self.assertRegex(self.fleet('ls'), r'lab=1 \(demo\), warm=3 \(clone of lab-0\)')
        self.assertIn('there are two groups named warm', self.fleet('clone', 'lab-0', '--group', 'warm', code=2))
        self.fleet('stop', 'lab-0')
        self.assertIn('lab-0 is not running: stopped', self.fleet('snapshot', 'lab-0', '-o', snapshot, code=2))

    def test_a_sweep_scales_one_fleet(self):
        results = os.path.join(self.runtime, 'sweep')
        done = subprocess.run([ESPALIER, 'load', 'sweep', '--demo', '-n', '1,3,4', '--rates', '20', '-d', '1', '--compare',
                               'fleet', '--base-port', str(base_port(8)), '--out', results],
                              env=self.environment, capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(os.path.join(results, 'sweep.json'), encoding='utf-8') as file:
            rows = json.load(file)['rows']
        self.assertEqual([(row['contestant'], row['devices']) for row in rows],
                         [(name, count) for name in ('espalier', 'fleet') for count in (1, 3, 4)])
        self.assertEqual([row['load']['answered'] for row in rows], [20] * 6)
        with open(os.path.join(results, 'fleet.log'), encoding='utf-8') as file:
            self.assertEqual(file.read().count(' devices ran for '), 1)  # one process, to its end
        self.assertEqual(self.files(), [])

    def test_mistakes_are_one_line_before_anything_starts(self):
        file = os.path.join(self.runtime, 'fleet.toml')
        with open(file, 'w', encoding='utf-8') as out:
            out.write('[[device]]\ndemo = true\ncount = "two"\n')
        self.assertEqual(self.fleet('up', '--from', file, code=2),
                         f'espalier: {file}:3: count: a whole number is wanted, not a text\n')
        with open(file, 'w', encoding='utf-8') as out:
            out.write('[[device]]\ndemo = true\n[device.partitions.nvs.app]\nid = 1\n')
        self.assertEqual(self.fleet('up', '--from', file, code=2),
                         f'espalier: {file}:1: partitions: the image has no partition table\n')
        self.assertEqual(self.fleet('up', '--from', file, '--net', 'lan', code=2),
                         f'espalier: --net beside --from: {file} describes the devices, by net in [fleet]\n')
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            for detach in ([], ['-d']):
                error = self.fleet('up', '--demo', '-n', '1', '-p', f'{port}+:80', *detach, code=2)
                self.assertRegex(error, rf'^espalier: cannot publish 127\.0\.0\.1:{port}: the port is in use.*\n$')
        self.assertIn('one port for 2 devices',
                      self.fleet('up', '--demo', '-n', '2', '-p', '8000:80', code=2))
        self.assertIn('which image?', self.fleet('up', code=2))
        self.assertIn('no fleet runs here', self.fleet('ps', code=2))
        self.assertEqual(self.files(), [])


if __name__ == '__main__':
    ESPALIER = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
