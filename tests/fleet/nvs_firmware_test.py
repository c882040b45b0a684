#!/usr/bin/env python3
"""Real firmware reads what a fleet's file puts into its NVS partition, and what it writes there is read by `espalier image
nvs`: MicroPython, typed to.

usage: nvs_firmware_test.py ESPALIER FOLDER

FOLDER holds manifest.json and the images (see tests/corpus). Exit code 77 means skipped: there is no MicroPython.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PATIENCE = 150  # seconds; a busy host is slow
KEYS = '''[fleet]
name = "nvs"
[[device]]
name = "mp"
image = "{image}"
count = 2
persist = "state"
[device.partitions.nvs.app]
number = {{ type = "i32", value = "-4{{ordinal}}" }}
plain = 70000
name = {{ type = "binary", value = "{{name}}" }}
key = {{ type = "hex2bin", value = "{key}" }}
'''
KEY = bytes(range(256)) * 20  # 5,120 bytes: two pages


def main():
    espalier, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    manifest = folder / 'manifest.json'
    images = json.loads(manifest.read_text())['images'] if manifest.exists() else []
    image = next((folder / i['image'] for i in images if i['id'].startswith('micropython')), None)
    if image is None or not image.exists():
        print(f'SKIPPED: there is no MicroPython in {folder}; see docs/architecture.md, "Real images"')
        return SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(os.environ, XDG_RUNTIME_DIR=scratch)
        file = pathlib.Path(scratch, 'fleet.toml')
        file.write_text(KEYS.format(image=image.resolve(), key=KEY.hex()))

        def run(*arguments):
            done = subprocess.run([espalier, *arguments], env=environment, capture_output=True, text=True,
                                  timeout=PATIENCE, stdin=subprocess.DEVNULL)
            assert done.returncode == 0, f'{arguments}: {done.stdout}{done.stderr}'
            return done.stdout

        def contents(device):
            found = json.loads(run('image', 'nvs', os.path.join(scratch, 'state', device + '.bin'), '--json'))
            assert found['problems'] == [], found['problems']
            return {(entry['namespace'], entry['key']): (entry['type'], entry['value']) for entry in found['entries']}

        run('fleet', 'up', '--from', str(file), '-d')
        answer = ''
        try:
            deadline = time.monotonic() + PATIENCE
            while '>>> ' not in run('fleet', 'logs', 'mp-1'):
                assert time.monotonic() < deadline, 'no prompt'
                time.sleep(0.2)
            # Its REPL takes lines of some 250 characters. Each shows its last word only once it is done.
            for line, until in (
                    ("import esp32; n = esp32.NVS('app'); b = bytearray(5120); c = bytearray(4); print('op' + 'ened')", 'opened'),
                    ("print(n.get_i32('number'), n.get_i32('plain'), n.get_blob('name', c), c, n.get_blob('key', b), "
                     "sum(b), 'do' + 'ne')", 'done'),
                    ("n.set_i32('plain', 7); n.set_blob('more', b'x' * 300); n.commit(); print('com' + 'mitted')",
                     'committed')):
                answer += run('fleet', 'exec', 'mp-1', line + '\r', '--until', until, '--timeout', '60')
        finally:
            run('fleet', 'down')
        wanted = f"-41 70000 4 bytearray(b'mp-1') 5120 {sum(KEY)}"
        assert wanted in answer, f'{wanted!r} is not in {answer!r}'
        there = {('app', 'number'): ('i32', -41), ('app', 'plain'): ('i32', 7), ('app', 'name'): ('blob', b'mp-1'.hex()),
                 ('app', 'key'): ('blob', KEY.hex()), ('app', 'more'): ('blob', (b'x' * 300).hex())}
        found = contents('mp-1')
        assert there.items() <= found.items(), found
        assert contents('mp-0')['app', 'number'] == ('i32', -40)
    print('MicroPython and we read what the other has written')
    return 0


if __name__ == '__main__':
    sys.exit(main())
