#!/usr/bin/env python3
"""Traces of whole runs of the program.

usage: trace_test.py ESPALIER [unittest options]
"""
import collections
import json
import os
import pathlib
import re
import struct
import sys
import unittest

import program
from program import Folder, run

HELLO = pathlib.Path(os.environ.get('ESPALIER_FIRMWARE', '~/.cache/espalier/firmware')).expanduser() / 'idf5.0-hello'


def frames_of(capture):
    """The frames of a capture, each as its bytes."""
    data = capture.read_bytes()
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack_from('<I', data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def tracks_of(timeline):
    """The events of each track, by its name; every slice that begins has to end."""
    names, tracks, depth = {}, collections.defaultdict(list), collections.Counter()
    for event in json.loads(timeline.read_text())['traceEvents']:
        if event.get('name') == 'thread_name':
            names[event['tid']] = event['args']['name']
        if event['ph'] == 'M':
            continue
        depth[event['tid']] += {'B': 1, 'E': -1}.get(event['ph'], 0)
        assert depth[event['tid']] >= 0, event
        tracks[names[event['tid']]].append(event)
    assert not +depth, depth
    return tracks


class Traced(Folder):
    def setUp(self):
        super().setUp()
        self.trace = self.folder / 'trace'

    def events(self):
        return [json.loads(line) for line in self.trace.read_text().splitlines()]


class Exchange(Traced):
    """A request to the demo's server, as the MAC's events tell of it."""

    def setUp(self):
        super().setUp()
        capture = self.folder / 'capture'
        # The last segments of the connection come after the answer.
        self.ask_demo('--pcap', capture, '--trace', 'open_eth_*,ethernet_*', '--trace-format', 'json', '--trace-file',
                      self.trace, settle=0.2)
        self.told = self.events()  # ended by a signal, the file is whole
        self.captured = frames_of(capture)

    def of(self, *names):
        return [event for event in self.told if event['event'] in names]

    def test_agrees_with_the_capture(self):
        frames = self.of('ethernet_tx', 'ethernet_rx')
        self.assertGreater(len(self.of('ethernet_tx')), 4)
        self.assertGreater(len(self.of('ethernet_rx')), 4)
        mac = [(len(f), f[:6].hex(':'), f[6:12].hex(':'), int.from_bytes(f[12:14], 'big')) for f in self.captured]
        told = [(e['length'], e['destination'], e['source'], e['type']) for e in frames]
        # An answer may reach the guest's memory before the capture has seen the question: the same, in any order.
        self.assertEqual(collections.Counter(told), collections.Counter(mac))

        sent = self.of('open_eth_start_xmit')
        self.assertEqual([e['tx_len'] for e in sent], [e['length'] for e in self.of('ethernet_tx')])
        self.assertTrue(all(e['len'] <= e['tx_len'] and e['tx_len'] >= 60 for e in sent))
        self.assertEqual(len(self.of('open_eth_receive')),
                         len(self.of('open_eth_receive_desc', 'open_eth_receive_reject')))
        # What lies in the buffer is padded and has its check sequence.
        self.assertEqual([e['len_flags'] >> 16 for e in self.of('open_eth_receive_desc')],
                         [max(e['length'], 60) + 4 for e in self.of('ethernet_rx')])

    def test_tells_what_the_driver_does(self):
        self.assertEqual(self.of('open_eth_reg_read')[0]['addr'], 0)  # MODER: is the MAC there?
        self.assertEqual(self.of('open_eth_reg_read')[0]['v'], 0xa000)
        self.assertTrue(self.of('open_eth_mii_read'))
        self.assertTrue(self.of('open_eth_desc_read'))
        # Each frame sent is a descriptor that was made ready just before.
        ready = [e for e in self.of('open_eth_desc_write') if e['addr'] % 8 == 0 and e['v'] & 0x8000 and e['v'] >> 16]
        sent = self.of('open_eth_start_xmit')
        self.assertEqual([e['v'] >> 16 for e in ready][-len(sent):], [e['len'] for e in sent])
        levels = [e['v'] != 0 for e in self.of('open_eth_update_irq')]
        self.assertGreater(len(levels), 4)
        self.assertTrue(all(a != b for a, b in zip(levels, levels[1:])), 'a change that is none')
        times = [e['ns'] for e in self.told]
        self.assertEqual(times, sorted(times))


class Options(Traced):
    def test_help_lists_every_event_without_an_image(self):
        done = run('--trace', 'help')
        self.assertEqual(done.returncode, 0)
        names = [line.split()[0] for line in done.stdout.splitlines()]
        for name in ('open_eth_reg_read', 'cpu_interrupt', 'rom_call', 'reset', 'spi_flash_erase', 'uart0_reg_write',
                     'dport_reg_read', 'unmapped_reg_read'):
            self.assertIn(name, names)
        self.assertEqual(len(names), len(set(names)))

    def test_an_event_that_does_not_exist_is_refused(self):
        done = run('--demo', '--trace', 'uart_*,open_eht_*', '--trace-file', self.trace)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "espalier: --trace: trace event 'open_eht_*' does not exist; "
                                      '`--trace help` lists them\n')
        self.assertFalse(self.trace.exists())

    def test_a_file_that_cannot_be_made_is_named(self):
        done = run('--demo', '--trace', '*', '--trace-file', self.folder / 'no' / 'trace')
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn(str(self.folder / 'no' / 'trace'), done.stderr)

    def test_the_default_is_text_on_standard_error(self):
        done = run('--demo', '--clock', 'warp', '--until', 'link down', '--net', 'none', '--trace', 'uart_tx')
        self.assertEqual(done.returncode, 0)
        lines = [re.fullmatch(r'\d+@\d+\.\d{6}:uart_tx 0 0x([0-9a-f]{2})', line) for line in done.stderr.splitlines()]
        self.assertTrue(all(lines))
        self.assertEqual(bytes(int(line[1], 16) for line in lines).decode('latin-1'), done.stdout)

    def test_patterns_of_a_file_and_of_the_line_are_joined(self):
        patterns = self.folder / 'patterns'
        patterns.write_text('# what the console gets\nuart_*\n\n-uart_rx\n')
        run('--demo', '--clock', 'warp', '--until', 'link down', '--net', 'none', '--trace', f'events={patterns}',
            '--trace', 'open_eth_mii_read', '--trace-format', 'json', '--trace-file', self.trace)
        self.assertEqual({event['event'] for event in self.events()}, {'uart_tx', 'open_eth_mii_read'})

    def test_a_full_disk_ends_the_trace_and_not_the_guest(self):
        done = run('--demo', '--clock', 'warp', '--until', 'link down', '--net', 'none', '--trace', '*',
                   '--trace-file', '/dev/full')
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, 'espalier: error [general] the trace ends here: cannot write /dev/full: '
                                      'No space left on device\n')

    def test_without_a_trace_nothing_is_said(self):
        done = run('--demo', '--clock', 'warp', '--until', 'link down', '--net', 'none')
        self.assertEqual((done.returncode, done.stderr), (0, ''))


class Engines(Traced):
    def test_translated_code_tells_what_the_interpreter_tells(self):
        traces = []
        for engine in ('interp', 'jit'):
            done = run('--demo', '--clock', 'warp', '--until', 'link down', '--net', 'none', '--engine', engine,
                       '--trace', '*', '--trace-format', 'json', '--trace-file', self.trace)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            traces.append(self.trace.read_text().splitlines())
        self.assertGreater(len(traces[0]), 10000)
        for number, (interpreted, translated) in enumerate(zip(*traces)):
            self.assertEqual(interpreted, translated, f'line {number + 1}')
        self.assertEqual(len(traces[0]), len(traces[1]))


class Timeline(Traced):
    def test_shows_the_demo_without_an_elf_file(self):
        done = run('--demo', '--clock', 'warp', '--until', 'listening on port 80', '--trace-format', 'perfetto',
                   '--trace-file', self.trace)
        self.assertEqual(done.returncode, 0)
        tracks = tracks_of(self.trace)
        self.assertIn('waits', {e.get('name') for e in tracks['APP CPU: tasks']})
        self.assertIn('level 1', {e.get('name') for e in tracks['PRO CPU: interrupts']})
        self.assertIn('ETH_MAC', {e.get('name') for e in tracks['source 38 ETH_MAC']})
        for track in ('Ethernet: sent', 'Ethernet: received'):
            frames = [(e['ts'], e['ts'] + e['dur']) for e in tracks[track]]
            self.assertGreaterEqual(len(frames), 2)
            self.assertTrue(all(end <= begin for (_, end), (begin, _) in zip(frames, frames[1:])))

    @unittest.skipUnless(HELLO.exists(), f'{HELLO} is not there')
    def test_shows_the_tasks_of_both_cores(self):
        done = run(HELLO, '--clock', 'warp', '--until', 'Restarting in 8', '--trace-format', 'perfetto',
                   '--trace-file', self.trace)
        self.assertEqual(done.returncode, 0)
        tracks = tracks_of(self.trace)
        tasks = [e for e in tracks['PRO CPU: tasks'] if e.get('name') not in (None, 'waits')]
        self.assertEqual([e['name'] for e in tasks[:5]], ['ipc0', 'esp_timer', 'main', 'IDLE', 'main'])
        self.assertEqual({e['name'] for e in tracks['APP CPU: tasks'] if 'name' in e}, {'ipc1', 'IDLE', 'waits'})
        # app_main() sleeps for a second at a time; the tick that wakes it is the other task's last moment.
        wakes = [e['ts'] for e in tasks if e['name'] == 'main'][1:]
        self.assertGreaterEqual(len(wakes), 2)
        for before, after in zip(wakes, wakes[1:]):
            self.assertAlmostEqual(after - before, 1e6, delta=20)


class Waveform(Traced):
    def test_begins_with_all_pads_and_ends_with_the_run(self):
        done = run('--demo', '--clock', 'warp', '--until', 'link down', '--net', 'none', '--vcd', self.trace)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        lines = self.trace.read_text().splitlines()
        self.assertEqual(sum(line.startswith('$var wire 1 ') for line in lines), 40)
        times = [int(line[1:]) for line in lines if line.startswith('#')]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[-1], 1_000_000)


class Profile(Traced):
    @unittest.skipUnless(HELLO.exists(), f'{HELLO} is not there')
    def test_names_tasks_and_their_functions(self):
        profile = self.folder / 'folded'
        done = run(HELLO, '--clock', 'warp', '--until', 'Restarting in 8', '--profile', HELLO / 'hello_world.elf',
                   '--profile-file', profile)
        self.assertEqual(done.returncode, 0)
        stacks = {}
        for line in profile.read_text().splitlines():
            stack, us = line.rsplit(' ', 1)
            stacks[stack] = int(us)
        # Two seconds, most of them spent in WAITI, on both cores.
        for core in ('PRO CPU', 'APP CPU'):
            self.assertGreater(stacks[f'{core};(waits)'], 1_900_000)
        self.assertLess(sum(us for stack, us in stacks.items() if stack.startswith('PRO CPU')), 2_100_000)
        idle = 'PRO CPU;task IDLE;vPortTaskWrapper;prvIdleTask'
        self.assertTrue(any(stack.startswith(idle) for stack in stacks), stacks)
        self.assertTrue(any(';app_main' in stack for stack in stacks), stacks)
        self.assertTrue(any(';ets_delay_us' in stack for stack in stacks), 'the built-in ROM has its own names')
        self.assertRegex(done.stderr, r'(?s)^  self  total  function\n.*% +\d+\.\d%  \w')

    def test_an_elf_that_is_none_is_refused(self):
        self.trace.write_text('no ELF file')
        done = run('--demo', '--profile', self.trace)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn(str(self.trace), done.stderr)


if __name__ == '__main__':
    program.ESPALIER = sys.argv.pop(1)
    unittest.main()
