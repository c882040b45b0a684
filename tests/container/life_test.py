#!/usr/bin/env python3
"""What container users expect of a container's life: process 1, signals, logs, standard input, health; and a fleet of
a hundred devices in one, without privileges and with the engine's own seccomp profile.

usage: life_test.py ESPALIER SOURCE_FOLDER
"""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import engine as engines
from engine import NAME
from harness import AT_ONCE, PATIENCE, check, expect_hello, main, run, succeed, wait_until

DEVICES = 100
CONFINED = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges']


def waits_and_reaps(engine):
    """A container without standard input goes on; what others leave behind there is no zombie; a stop is quick."""
    name = engine.start(*CONFINED, NAME)
    wait_until('process 1 listens', lambda: engine.try_to('exec', name, 'espalier', 'health').returncode == 0)
    # Detached, the fleet's process is an orphan, which process 1 gets.
    engine('exec', name, 'espalier', 'fleet', 'up', '--demo', '-n', '2', '-d')
    processes = engine('top', name)
    check('fleet up' in processes, processes)
    engine('exec', name, 'espalier', 'fleet', 'down')
    time.sleep(0.3)
    processes = engine('top', name, '-o', 'pid,stat,args')
    check('fleet' not in processes and ' Z' not in processes and 'run --demo' in processes, processes)
    sent = time.monotonic()
    engine('kill', '--signal', 'INT', name)
    code = engine('wait', name)
    check(code == str(128 + signal.SIGINT), f'SIGINT gave exit code {code}')
    check(time.monotonic() - sent < PATIENCE, 'SIGINT took long')


def says_why_it_does_not_start(engine):
    """Errors are one line in the container's log, and an exit code that restart policies see."""
    for arguments, text in ((['run', '/app/none.bin'], 'No such file'),
                            (['fleet', 'up', '--demo', '-d'], 'leave -d out')):
        command, name = engine.run_command(NAME, *arguments)
        done = run(command)
        check(done.returncode == 2 and text in done.stderr, f'{done.returncode} {done.stderr}')
        logs = engine.try_to('logs', name)
        check(text in logs.stderr and not logs.stdout, f'{logs.stdout} {logs.stderr}')


def logs_come_at_once(engine):
    """Standard output is no terminal, and nothing of the console stays in a buffer; the emulator's own is apart."""
    name = engine.start('--interactive', *CONFINED, NAME)
    text = wait_until('the console is in the log', lambda: engine.try_to('logs', name).stdout)
    wait_until('an end of line', lambda: engine.try_to('logs', name).stdout.endswith(('\n', '> ')))
    check('espalier:' not in text, text)
    # `docker attach` has the console; what is typed there reaches the guest.
    client = subprocess.Popen([engine.command, 'attach', name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        client.stdin.write(b'status\n')
        client.stdin.flush()
        wait_until('the answer to `status`', lambda: 'connections' in engine.try_to('logs', name).stdout)
    finally:
        client.kill()
        client.wait()
    check(engine.alive(name), 'it ended with who was attached')
    # Follows, and ends with the container.
    follower = subprocess.Popen([engine.command, 'logs', '--follow', name], stdout=subprocess.PIPE,
                                stdin=subprocess.DEVNULL)
    try:
        engine('stop', name)
        shown = follower.communicate(timeout=PATIENCE)[0]
    finally:
        follower.kill()
        follower.wait()
    check(text.encode()[:20] in shown, shown)


def input_may_end(engine):
    """`docker run -i` from a pipe: the guest hears what comes, and the end of the input is not the machine's."""
    command, _ = engine.run_command('--rm', '--interactive', NAME, 'run', '--demo', '--until', 'connections',
                                    '--timeout', str(PATIENCE))
    print('+', *command, flush=True)
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    shown = b''
    try:
        while b'listening' not in shown and (line := client.stdout.readline()):  # what comes sooner is lost
            shown += line
        shown += client.communicate(b'status\n', PATIENCE)[0]
    finally:
        client.kill()
        client.wait()
    check(client.returncode == 0, f'exit code {client.returncode}: {shown}')


def has_a_terminal(engine):
    """`docker run -it`: keys reach the guest one by one, and Ctrl-] leaves."""
    command, _ = engine.run_command('--rm', '--interactive', '--tty', NAME)
    print('+', *command, flush=True)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    seen = b''

    def read_until(wanted):
        nonlocal seen
        deadline = time.monotonic() + PATIENCE
        while not re.search(wanted, seen):
            check(time.monotonic() < deadline, f'{wanted} is not in {seen}')
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    seen += os.read(terminal, 4096)
                except OSError:
                    break
    try:
        read_until(rb'\n')
        time.sleep(0.5)
        os.write(terminal, b'status\r')
        read_until(rb'connections')
        os.write(terminal, b'\x1d')
        _, status = os.waitpid(child, 0)
        child = 0
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(terminal)
    check(os.waitstatus_to_exitcode(status) == 0, f'Ctrl-] gave {os.waitstatus_to_exitcode(status)}')


def tells_its_health(engine):
    """`docker ps` shows what `espalier health` finds: a page of the guest, or a fleet."""
    quickly = ['--health-interval=1s', '--health-start-period=0s', '--health-retries=1']
    well = engine.start(*CONFINED, *quickly, NAME)
    unwell = engine.start(*CONFINED, *quickly, '--env', 'ESPALIER_HEALTH=http://127.0.0.1:8000/nowhere', NAME)
    fleet = engine.start(*CONFINED, *quickly, NAME, 'fleet', 'up', '--demo', '-n', '3', '--json')
    never = engine.start(*CONFINED, *quickly, NAME, 'fleet', 'up', '--demo', '--ready', 'never')
    for name, wanted in ((well, 'healthy'), (unwell, 'unhealthy'), (fleet, 'healthy'), (never, 'unhealthy')):
        wait_until(f'{name} is {wanted}', lambda: engine.state(name, 'Health.Status') == wanted)
    for name, why in ((unwell, '404'), (never, '0 of 1 devices')):
        found = engine('inspect', '--format', '{{json .State.Health.Log}}', name)
        check(why in found, found)
    # A fleet's log is its events, one a line.
    kinds = [json.loads(line)['kind'] for line in engine('logs', fleet).splitlines()]
    check(kinds.count('ready') == 3, kinds)
    engine('rm', '--force', well, unwell, fleet, never)


def holds_a_fleet(engine):
    """A hundred devices in one container, confined as far as it goes, with published ports, commands and memory."""
    name = engine.start(*CONFINED, '--publish', '127.0.0.1::9000', '--publish', f'127.0.0.1::{9000 + DEVICES - 1}',
                        NAME, 'fleet', 'up', '--demo', '-n', str(DEVICES), '-p', '0.0.0.0:9000+:80')
    began = time.monotonic()
    wait_until('all devices are ready',
               lambda: not engine.alive(name) or engine.try_to('exec', name, 'espalier', 'health').returncode == 0)
    check(engine.alive(name), engine.try_to('logs', name).stderr)
    print(f'{DEVICES} devices ready after {time.monotonic() - began:.1f} s', flush=True)
    for port in (9000, 9000 + DEVICES - 1):
        expect_hello(engine.port_of(name, f'{port}/tcp'), lambda: engine.alive(name))
    print(engine('exec', name, 'espalier', 'load', '--fleet', 'fleet', '--rate', '50', '-d', '2'), flush=True)
    answer = engine('exec', name, 'espalier', 'fleet', 'exec', 'fleet-7', 'status')
    check('connections' in answer, answer)
    # The translator works under the engine's seccomp profile.
    command, _ = engine.run_command('--rm', *CONFINED, NAME, 'run', '--demo', '--stats', '--timeout', '2')
    stats = run(command).stderr
    check(re.search(r'regions translated +[1-9]', stats), stats)
    sent = time.monotonic()
    engine('stop', name)
    took = time.monotonic() - sent
    code = engine.state(name, 'ExitCode')
    check(code == '0', f'stopped with exit code {code}')
    check(took < 5 * AT_ONCE, f'the fleet took {took:.1f} s to stop')
    print(f'stopped after {took:.2f} s', flush=True)


def refuses_what_does_not_fit(engine):
    """More devices than the host has room for: one line that says what to raise, and nothing has started."""
    command, _ = engine.run_command('--rm', *CONFINED, NAME, 'fleet', 'up', '--demo', '-n', '60000')
    done = run(command)
    check(done.returncode == 2 and 'vm.max_map_count' in done.stderr, f'{done.returncode} {done.stderr}')
    command, _ = engine.run_command('--rm', *CONFINED, '--memory', '64m', NAME, 'fleet', 'up', '--demo', '-n', '200')
    done = run(command)
    check(done.returncode == 2 and 'MiB are free' in done.stderr, f'{done.returncode} {done.stderr}')


def checks(engine, espalier, source, temporary):
    engines.build_and_probe(engine, espalier, source, temporary)
    for part in (waits_and_reaps, says_why_it_does_not_start, logs_come_at_once, input_may_end, has_a_terminal,
                 tells_its_health, holds_a_fleet, refuses_what_does_not_fit):
        began = time.monotonic()
        part(engine)
        print(f'-- {part.__name__}: {time.monotonic() - began:.1f} s', flush=True)


main(lambda: engines.with_engine(checks))
