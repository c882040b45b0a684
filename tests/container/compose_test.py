#!/usr/bin/env python3
"""Starts deploy/compose.yaml with Docker Compose: devices that answer, load that reaches them all, metrics, a container
that is killed and comes back, more of them and fewer.

usage: compose_test.py ESPALIER SOURCE_FOLDER FOLDER_OF_PEERS

The broker and Prometheus are Debian's, in images of the test's own; where they are not to be had the rest is tested.
"""
import os
import pathlib
import shutil
import sys

import engine as engines
import peers
from engine import NAME
from harness import Skip, check, expect_hello, main, run, succeed, wait_until

DEVICES = 3
PROJECT = NAME


def compose_command():
    """Compose as Docker's plugin, or the program of its own that Debian 12 has."""
    for command in (['docker', 'compose'], ['docker-compose']):
        if shutil.which(command[0]) and run([*command, 'version']).returncode == 0:
            return command
    raise Skip('no Docker Compose here: on Debian 12, apt-get install docker-compose')


class Project:
    def __init__(self, command, folder, environment):
        self.command = [*command, '--file', f'{folder}/compose.yaml', '--project-name', PROJECT]
        self.environment = os.environ | environment

    def __call__(self, *arguments, **more):
        return succeed([*self.command, *arguments], env=self.environment | more)

    def containers(self, service):
        return self('ps', '--quiet', service).split()


def devices_answer(engine, project, count):
    """Each device by its own port, and with an address of its own."""
    containers = project.containers('device')
    check(len(containers) == count, f'{len(containers)} devices, not {count}')
    addresses = set()
    for container in containers:
        expect_hello(engine.port_of(container), lambda: True)
        log = engine('logs', container)
        addresses |= {line.split('MAC ')[1].split()[0] for line in log.splitlines() if 'MAC ' in line}
    check(len(addresses) == count, f'MAC addresses: {addresses}')


def checks(engine, espalier, source, temporary):
    command = compose_command()
    engines.build_and_probe(engine, espalier, source, temporary)
    images = peers.images(engine, sys.argv[3], temporary)
    services = ['device', 'fleet', 'load', *images]
    print(f'services: {services}', flush=True)
    folder = pathlib.Path(temporary, 'deploy')
    shutil.copytree(f'{source}/deploy', folder, ignore=shutil.ignore_patterns('token'))
    folder.joinpath('token').write_text('known to the test\n')
    folder.joinpath('token').chmod(0o644)
    project = Project(command, folder, {'ESPALIER_IMAGE': NAME, 'DEVICES': str(DEVICES)} |
                      {f'{service.upper()}_IMAGE': image for service, image in images.items()})
    project('config', '--quiet')
    try:
        project('up', '--detach', *services)
        devices_answer(engine, project, DEVICES)
        expect_hello(9000, lambda: True)
        expect_hello(9009, lambda: True)
        # The load's name for them led to all.
        load, = project.containers('load')
        wait_until('a report of the load', lambda: f'{DEVICES} targets' in (text := engine('logs', load)) and
                   ' 0 failed' in text)
        if 'prometheus' in images:
            wait_until('the fleet in Prometheus', lambda: peers.ready_devices() == 10)
        if 'broker' in images:
            broker, = project.containers('broker')
            wait_until('the broker listens', lambda: 'running' in engine.try_to('logs', broker).stderr)
        # The one that is killed comes back.
        killed = project.containers('device')[0]
        before = engine.state(killed, 'StartedAt')
        # `docker kill` would count as a wish.
        os.kill(int(engine.state(killed, 'Pid')), 9)
        wait_until('the killed one is back', lambda: engine.state(killed, 'StartedAt') != before)
        expect_hello(engine.port_of(killed), lambda: True)
        for count in (DEVICES + 2, DEVICES - 1):
            project('up', '--detach', '--scale', f'device={count}', 'device')
            devices_answer(engine, project, count)
    finally:
        project('down', '--volumes', '--timeout', '5')
    left = engine('ps', '--all', '--quiet', '--filter', f'label=com.docker.compose.project={PROJECT}')
    check(not left, f'left behind: {left}')


main(lambda: engines.with_engine(checks, private=True))
