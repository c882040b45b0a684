#!/usr/bin/env python3
"""Cuts the power of a real MicroPython again and again while it writes files to its littlefs: each time it has to
mount its file system again, and to find the file as it was before or after the write.

usage: cut_power.py ESPALIER FOLDER [CUTS [SEED]]

FOLDER is as for run_image.py. Exit code 77 means skipped: the image is not there.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PATIENCE = 120  # seconds; a busy host is slow
IMAGE = 'micropython-1.18'
REPEATED = 200  # so that a file takes a block of its own
WRITER = (r'exec("def w(n):\n while 1:\n  f=open(\"n.txt\",\"w\");f.write((\"%06d,\"%n)*' + str(REPEATED) +
          r');f.close();n+=1")')
READER = 's=open("n.txt").read();print("kept",s[:6],s==s[:7]*' + str(REPEATED) + ',len(s))'


class Fleet:
    def __init__(self, espalier, image, runtime):
        self.espalier = espalier
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=runtime)
        self.run('up', str(image), '--name', 'cut', '--net', 'none', '--ready', '>>> ', '-d')

    def run(self, *arguments):
        done = subprocess.run([self.espalier, 'fleet', *arguments], env=self.environment, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, text=True, errors='replace')
        if done.returncode != 0:
            raise AssertionError(f'fleet {arguments}: {done.stdout}{done.stderr}')
        return done.stdout

    def type(self, line, *options):
        """A carriage return ends a line here; the line feed that comes with it does nothing."""
        return self.run('exec', 'cut-0', line + '\r', *options)

    def wait_ready(self):
        deadline = time.monotonic() + PATIENCE
        while not json.loads(self.run('ps', '--json'))[0]['ready']:
            if time.monotonic() > deadline:
                raise AssertionError('no prompt:\n' + self.run('logs', 'cut-0', '--tail', '40'))
            time.sleep(0.02)

    def faults(self):
        path = os.path.join(self.environment['XDG_RUNTIME_DIR'], 'espalier', 'cut.log')
        with open(path, encoding='utf-8', errors='replace') as log:
            return re.findall(r'cut-0 fault: (.*)', log.read())


def cut(fleet, cuts, seed):
    kept, torn = 0, 0
    fleet.wait_ready()
    fleet.type(WRITER)
    fleet.type('f=open("n.txt","w");f.write("000000,"*%d);f.close();print("be"+"gun")' % REPEATED, '--until', 'begun')
    for number in range(cuts):
        fleet.type(f'w({kept + 1})', '--timeout', '0.1')
        fleet.run('fault', 'cut-0', 'power-cut', '--within', '20000000', '--seed', str(seed + number), '--for', '1ms')
        deadline = time.monotonic() + PATIENCE
        while len(fleet.faults()) <= number:
            if time.monotonic() > deadline:
                raise AssertionError('the fault has not come')
            time.sleep(0.02)
        fleet.wait_ready()
        fleet.type(WRITER)
        shown = fleet.type(READER, '--until', f'{REPEATED * 7}\r\n')
        found = re.search(r'kept (\d+) True', shown)
        if not found or int(found[1]) < kept:
            raise AssertionError(f'after {fleet.faults()[-1]}: {kept} was kept before, now: {shown}')
        kept = int(found[1])
        torn += 'was cut' in fleet.faults()[-1]
    print(f'{cuts} power cuts, {torn} of them in the middle of a flash operation; file {kept} was the last one kept')
    if torn == 0 or kept == 0:
        raise AssertionError('no cut has met a write')


def main():
    espalier, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cuts = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    try:
        manifest = json.loads((folder / 'manifest.json').read_text())
        image = next(folder / entry['image'] for entry in manifest['images'] if entry['id'] == IMAGE)
    except (OSError, StopIteration):
        image = folder / 'none'
    if not image.exists():
        print(f'SKIPPED: {folder} holds no {IMAGE}')
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory(prefix='espalier-cut-') as runtime:
        fleet = Fleet(espalier, image, runtime)
        try:
            cut(fleet, cuts, seed)
        finally:
            fleet.run('down')


if __name__ == '__main__':
    main()
