#!/usr/bin/env python3
"""Twenty mixed devices in one process, in `warp`, for hours of their own time: none may fail, panic or lose a tick, and
the process may not grow.

Firmware of others is looked for in $ESPALIER_FIRMWARE (default ~/.cache/espalier/firmware); our own guests take the
places of what is absent.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = ROOT / 'guest/bench/bench.bin'  # counts ticks of 10 ms, and says how many when it is asked
TICK = 0.01
GROWTH = 2  # MiB, after the first tenth of the time: what buffers and logs settle at
# Name, image in the firmware folder, how many.
OTHERS = (('hello', 'idf5.0-hello', 2),  # restarts each 10 s
          ('blink', 'idf5-blink.bin', 4), ('python', 'micropython-1.18.bin', 4))
DEMOS, ALL = 6, 20


def spec(firmware):
    """The fleet as TOML, and which firmware is absent."""
    groups, absent = [], []
    for name, image, count in OTHERS:
        path = firmware / image
        if path.exists():
            groups.append((name, f'image = {json.dumps(str(path))}', count))
        else:
            absent.append(image)
    groups.append(('demo', 'demo = true', DEMOS))
    groups.append(('ticks', f'image = {json.dumps(str(TICKS))}', ALL - sum(count for *_, count in groups)))
    text = '[fleet]\nname = "soak"\nnet = "user"\n'
    for name, source, count in groups:
        text += f'[[device]]\nname = "{name}"\n{source}\ncount = {count}\nclock = "warp"\nrestart = "no"\n'
    return text, absent


class Soak:
    def __init__(self, program, folder, firmware):
        self.program = str(program)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=folder)
        self.problems = []
        self.counting = {}  # who has been asked once, and counts ticks since then: that device's own time, in seconds
        self.said = {}  # the last answer of each
        text, absent = spec(firmware)
        path = pathlib.Path(folder, 'soak.toml')
        path.write_text(text, encoding='utf-8')
        for image in absent:
            print(f'not in {firmware}: {image}; a guest of our own instead')
        self.process = subprocess.Popen([self.program, 'fleet', 'up', '--from', str(path)], env=self.environment,
                                        stdout=subprocess.DEVNULL)

    def ask(self, *arguments):
        return subprocess.run([self.program, 'fleet', *arguments], env=self.environment, capture_output=True, text=True,
                              timeout=120, check=False)

    def stats(self):
        done = self.ask('stats', '--json')
        return json.loads(done.stdout) if done.returncode == 0 else None

    def check(self, good, what):
        if not good and what not in self.problems:
            self.problems.append(what)
            print(f'PROBLEM: {what}', flush=True)

    def check_ticks(self, name, ran=0.0):
        """The guest's count of timer interrupts against the hardware timer that runs beside them, from its first
        question on."""
        self.ask('exec', name, 'ticks', '--until', 'ticks ')
        for _ in range(50):  # the rest of the line is on its way
            said = self.ask('logs', name, '--tail', '1').stdout
            found = re.fullmatch(r'ticks (\d+) (\d+)\s*', said)
            if found and said != self.said.get(name):
                break
        self.said[name] = said
        self.check(found, f'{name} does not say its ticks: {said}')
        if name not in self.counting:
            # Its timers run from now on. Before, nothing was due, and hours passed in one leap.
            self.counting[name] = next(device['guest_seconds'] for device in self.stats()['devices']
                                       if device['name'] == name)
        elif found:
            self.check(int(found[1]) * TICK > 0.99 * ran, f'{name} has counted {found[1]} ticks in {ran:.0f} s')
            # The timer is told modulo 2^32 microseconds.
            lost = ((int(found[2]) - int(found[1]) * 10_000 + 2**31) % 2**32 - 2**31) * 1e-6
            self.check(abs(lost) <= 2 * TICK, f'{name}: {lost / TICK:.1f} ticks lost of {found[1]}')
            print(f'{name}: {found[1]} ticks, {lost / TICK:.1f} fewer than the timer counts')

    def run(self, seconds):
        begun, stopped = time.monotonic(), set()
        settled, before, grown = False, None, 0.0
        while True:
            time.sleep(0.2)
            if self.process.poll() is not None:
                self.check(False, f'the fleet has ended, exit code {self.process.returncode}')
                return
            stats = self.stats()
            if stats is None or len(stats['devices']) != ALL or stats['states']['starting'] != 0:
                self.check(time.monotonic() - begun < 120, 'the fleet does not start')
                if self.problems:
                    return
                continue
            for device in stats['devices']:
                if device['name'].startswith('ticks') and device['name'] not in self.counting:
                    self.check_ticks(device['name'])
            ran = {device['name']: device['guest_seconds'] - self.counting.get(device['name'], 0)
                   for device in stats['devices']}
            least = min(seconds_of for name, seconds_of in ran.items() if name not in stopped) \
                if len(stopped) < ALL else seconds
            for device in stats['devices']:
                name = device['name']
                self.check(device['panics'] == 0, f'{name} has panicked')
                self.check(device['state'] == ('stopped' if name in stopped else 'running'),
                           f'{name} is {device["state"]}')
                self.check(device['resets'] == 0 or name.startswith('hello'), f'{name} was reset')
                if name not in stopped and device['state'] == 'running' and ran[name] >= seconds:
                    if name.startswith('ticks'):
                        self.check_ticks(name, ran[name])
                    stopped.add(name)
                    resets = f', {device["resets"]} restarts' if device['resets'] else ''
                    print(f'{name}: {ran[name] / 3600:.1f} h, {device["cpu_seconds"]:.0f} s of the '
                          f'processor{resets}', flush=True)
                    self.check(self.ask('stop', name).returncode == 0, f'{name} cannot be stopped')
            # From one look to the next, but for those between which a device was stopped and gave its memory back.
            resident = stats['resident_bytes'] / 2**20
            settled = settled or least >= seconds / 10
            if settled and before is not None and before[1] == len(stopped):
                grown += resident - before[0]
            before = resident, len(stopped)
            if len(stopped) == ALL:
                break
        print(f'resident memory has grown by {grown:.2f} MiB since the first tenth of the time')
        self.check(grown <= GROWTH, f'the process has grown by {grown:.1f} MiB')

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.check(self.process.wait(120) == 0, f'the fleet ends with {self.process.returncode}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program', type=pathlib.Path)
    parser.add_argument('--hours', type=float, default=24, help="of the devices' time (default: 24)")
    options = parser.parse_args()
    firmware = pathlib.Path(os.environ.get('ESPALIER_FIRMWARE') or pathlib.Path.home() / '.cache/espalier/firmware')
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(options.program, folder, firmware)
        try:
            soak.run(options.hours * 3600)
        finally:
            soak.end()
    print(f'{len(soak.problems)} problems')
    sys.exit(bool(soak.problems))


if __name__ == '__main__':
    main()
