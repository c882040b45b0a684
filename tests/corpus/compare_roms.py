#!/usr/bin/env python3
"""Boots one image of a manifest twice, with the built-in mask ROM and with a real one, and compares the consoles.

usage: compare_roms.py ESPALIER FOLDER ID

The real ROM, which is not part of the project, is the file $ESPALIER_REAL_ROM, else ~/.cache/espalier/rom/esp32-rom.bin
(a dump of 0x40000000 on) or esp32-rom.elf. Exit code 77 means skipped: it is not there, or the image is not.

Both run in warp, side by side, until both have shown every text that the manifest expects before anything is typed, or
for BUDGET seconds after the first of them. What both have shown by then has to be equal line for line, except for what
follows from the two ROMs' functions taking different numbers of instructions:

- the time in a log line, as in "I (1234) boot: ...";
- addresses without 0x, as in "task: 3ffc053c": where the heap puts a block depends on what was freed just before;
- letters within lines that both cores print at once, each letter of one between two of the other's. The lines then have
  to consist of the same letters;
- the place of a line, by up to four: which of two tasks prints first is for timers and interrupts to say.
"""
import difflib
import json
import os
import pathlib
import re
import selectors
import subprocess
import sys
import time

SKIPPED = 77
PATIENCE = 150  # seconds to the first expected text; a busy host is slow
BUDGET = 40
LONGEST_MIX = 4  # lines that are printed at once
FURTHEST_MOVE = 4  # lines, of one that another task's have overtaken


def real_rom():
    named = os.environ.get('ESPALIER_REAL_ROM')
    if named:
        return pathlib.Path(named) if pathlib.Path(named).exists() else None
    folder = pathlib.Path.home() / '.cache/espalier/rom'
    return next((folder / name for name in ('esp32-rom.bin', 'esp32-rom.elf') if (folder / name).exists()), None)


def texts_before_typing(sequence):
    texts = []
    for step in sequence:
        if 'send' in step:
            break
        texts.append(step['expect'].encode())
    return texts


class Run:
    def __init__(self, command, texts):
        print(' '.join(command))
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.texts, self.shown, self.searched = texts, 0, 0
        self.console = bytearray()

    def take(self):
        """False once there is nothing more to come or to wait for."""
        data = os.read(self.process.stdout.fileno(), 65536)
        self.console += data
        while self.shown < len(self.texts):
            at = self.console.find(self.texts[self.shown], self.searched)
            if at < 0:
                break
            self.searched = at + len(self.texts[self.shown])
            self.shown += 1
        return bool(data) and self.shown < len(self.texts)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()


def run_side_by_side(runs):
    selector = selectors.DefaultSelector()
    for run in runs:
        selector.register(run.process.stdout, selectors.EVENT_READ, run)
    deadline = time.monotonic() + PATIENCE
    begun = False
    while selector.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            if not key.data.take():
                selector.unregister(key.fileobj)
        if not begun and all(run.shown for run in runs):
            begun = True
            deadline = time.monotonic() + BUDGET


def lines_of(console):
    """Whole lines, without what may differ."""
    text = console.decode('utf-8', 'replace')
    lines = text.split('\n')[:-1]
    lines = [re.sub(r'([EWIDV]) \(\d+\)', r'\1 (time)', line) for line in lines]
    return [re.sub(r'\b3ff[a-f][0-9a-f]{4}\b', '(address)', line) for line in lines]


def same_letters(some, others):
    return sorted(re.sub(r'\d', '', ''.join(some))) == sorted(re.sub(r'\d', '', ''.join(others)))


def differences(native, real):
    length = min(len(native), len(real))
    native, real = native[:length], real[:length]
    missing, extra = [], []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, native, real, autojunk=False).get_opcodes():
        mixed = kind == 'replace' and b - a == d - c <= LONGEST_MIX and same_letters(native[a:b], real[c:d])
        if kind != 'equal' and not mixed:
            missing += enumerate(native[a:b], a)
            extra += enumerate(real[c:d], c)
    for at, line in list(missing):
        moved = next(((to, other) for to, other in extra if other == line and abs(to - at) <= FURTHEST_MOVE), None)
        if moved:
            missing.remove((at, line))
            extra.remove(moved)
    return [f'- {line!r}' for _, line in missing] + [f'+ {line!r}' for _, line in extra], length


def main():
    espalier, folder, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    rom = real_rom()
    if not rom:
        print('SKIPPED: no real ROM: neither $ESPALIER_REAL_ROM nor ~/.cache/espalier/rom/esp32-rom.bin is there')
        return SKIPPED
    images = json.loads((folder / 'manifest.json').read_text())['images']
    image = next(i for i in images if i['id'] == wanted)
    path = folder / image['image']
    if not path.exists():
        print(f'SKIPPED: {path} is not there')
        return SKIPPED
    texts = texts_before_typing(image['sequence'])
    command = [espalier, 'run', str(path), '--clock', 'warp']
    runs = [Run(command, texts), Run(command + ['--rom', str(rom)], texts)]
    try:
        run_side_by_side(runs)
    finally:
        for run in runs:
            run.stop()
    for run, name in zip(runs, ('built-in', 'real')):
        if texts and not run.shown:
            sys.stdout.write(run.console.decode('utf-8', 'replace')[-2000:])
            print(f"\nFAILED: with the {name} ROM '{texts[0].decode()}' has not appeared")
            return 1
    found, length = differences(*(lines_of(run.console) for run in runs))
    if found:
        print('\n'.join(found[:40]))
        print(f'FAILED: the consoles differ (-: built-in ROM, +: real ROM), {length} lines compared')
        return 1
    print(f'passed: {length} lines, the same with both ROMs')
    return 0


if __name__ == '__main__':
    sys.exit(main())
