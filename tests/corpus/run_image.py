#!/usr/bin/env python3
"""Boots one image of a manifest and holds the conversation with its console that the manifest prescribes.

usage: run_image.py ESPALIER FOLDER [ID [--qemu] [OPTION...]]

FOLDER holds manifest.json and the images. An entry of the manifest has an "id", an "image" (a file or build folder in
FOLDER) and a "sequence" of steps: "send" is typed into UART0 once the step before has been seen, then "expect" has to
appear. OPTIONs go to `espalier run`, with --qemu to QEMU's command line. Exit code 77 means skipped: the image is not
there.

Images that are only watched run in warp, so the result does not depend on how busy the host is; those that are typed
to or that use the network run in realtime.
"""
import json
import os
import pathlib
import selectors
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PATIENCE = 150  # seconds for each step; a busy host is slow


def fail(console, text):
    sys.stdout.write(console.decode('utf-8', 'replace')[-4000:])
    print(f'\nFAILED: {text}')
    sys.exit(1)


def converse(process, sequence):
    console = bytearray()
    seen = 0
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    for step in sequence:
        if 'send' in step:
            process.stdin.write(step['send'].encode())
            process.stdin.flush()
        expected = step['expect'].encode()
        deadline = time.monotonic() + PATIENCE
        while (at := console.find(expected, seen)) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                fail(console, f"'{step['expect']}' has not appeared within {PATIENCE} s")
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                fail(console, f"the emulator ended (exit code {process.wait()}) before '{step['expect']}' appeared")
            console += data
        seen = at + len(expected)


def run_command(espalier, path, live, options):
    return [espalier, 'run', str(path), '--clock', 'realtime' if live else 'warp', *options]


def qemu_command(espalier, path, live, options, folder):
    """QEMU takes whole flash images only: build folders and short ones are made into such."""
    size = path.stat().st_size
    if path.is_dir():
        subprocess.run([espalier, 'image', 'merge', str(path), '-o', f'{folder}/flash.bin'], check=True)
        path = pathlib.Path(folder, 'flash.bin')
    elif size & (size - 1) or size < 2 << 20:
        data = path.read_bytes()
        path = pathlib.Path(folder, 'flash.bin')
        path.write_bytes(data.ljust(max(2 << 20, 1 << (size - 1).bit_length()), b'\xff'))
    time_follows = [] if live else ['-icount', 'shift=3,sleep=off']
    return [espalier, 'qemu', '-nographic', '-machine', 'esp32', '-drive', f'file={path},if=mtd,format=raw', '-snapshot',
            '-nic', 'user,model=open_eth', *time_follows, *options]


def main():
    espalier, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if not (folder / 'manifest.json').exists():
        print(f'SKIPPED: {folder}/manifest.json is not there; see docs/architecture.md, "Real images"')
        return SKIPPED
    images = json.loads((folder / 'manifest.json').read_text())['images']
    image = next(i for i in images if i['id'] == sys.argv[3])
    path = folder / image['image']
    if not path.exists():
        print(f'SKIPPED: {path} is not there')
        return SKIPPED
    live = 'open_eth' in image.get('needs', []) or any('send' in step for step in image['sequence'])
    options = sys.argv[4:]
    with tempfile.TemporaryDirectory() as folder:
        if options[:1] == ['--qemu']:
            command = qemu_command(espalier, path, live, options[1:], folder)
        else:
            command = run_command(espalier, path, live, options)
        print(' '.join(command))
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            converse(process, image['sequence'])
        finally:
            if process.poll() is None:
                process.terminate()
            code = process.wait(30)
    # The emulator was told to stop; a fault of its own would show as another code.
    if code not in (0, 128 + 15):
        print(f'FAILED: the emulator ended with exit code {code}')
        return 1
    print(f"passed: all {len(image['sequence'])} steps")
    return 0


if __name__ == '__main__':
    sys.exit(main())
