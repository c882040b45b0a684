#!/usr/bin/env python3
"""Deploys deploy/stack.yaml in a Docker Swarm of one node: identities from slots, load that reaches all replicas,
more and fewer of them, one that is killed and replaced, an update that rolls and one that is rolled back.

usage: swarm_test.py ESPALIER SOURCE_FOLDER FOLDER_OF_PEERS

The broker and Prometheus are Debian's, in images of the test's own; where they are not to be had the rest is tested.
"""
import json
import os
import re
import sys
import time

import engine as engines
import peers
from engine import NAME
from harness import Failure, Skip, check, main, run, succeed, wait_until

REPLICAS = 3
STACK = NAME
SERVICE = f'{STACK}_fleet'


def init(engine):
    done = engine.try_to('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2377',
                         '--data-path-addr', '127.0.0.1')
    if done.returncode:
        raise Skip(f'no swarm can be made here: {done.stderr.strip()}')


def deploy(engine, source, images):
    """The services that are started: all, or those that there are images for."""
    succeed([engine.command, 'secret', 'create', 'espalier-token', '-'], input='known to the test\n')
    environment = os.environ | {'ESPALIER_IMAGE': NAME, 'HEALTH_INTERVAL': '1s', 'REPLICAS': str(REPLICAS)} | {
        f'{service.upper()}_IMAGE': image for service, image in images.items()}
    succeed([engine.command, 'stack', 'deploy', '--resolve-image', 'never', '--compose-file',
             f'{source}/deploy/stack.yaml', STACK], env=environment)
    for service in {'broker', 'prometheus'} - images.keys():
        engine('service', 'rm', f'{STACK}_{service}')  # its public image cannot be downloaded here


def containers(engine, service):
    """Those that run and, where they have a health check, are well: slot to container."""
    lines = engine('ps', '--filter', f'name={STACK}_{service}.', '--format', '{{.Names}} {{.ID}} {{.Status}}')
    found = {}
    for name, container, status in (line.split(' ', 2) for line in lines.splitlines()):
        if status.startswith('Up') and 'starting' not in status and 'unhealthy' not in status:
            found[int(name.split('.')[1])] = container
    return found


def running(engine, count):
    """Waits for so many of the fleet's replicas; slot to container."""
    def right():
        found = containers(engine, 'fleet')
        all_there = engine('ps', '--quiet', '--filter', f'name={SERVICE}.').split()
        return found if len(found) == count == len(all_there) else None
    try:
        return wait_until(f'{count} replicas', right)
    except Failure:
        print(engine('service', 'ps', '--no-trunc', SERVICE), flush=True)
        raise


def identities(engine, slots):
    """Slot to name and MAC address of its device, as the fleet in the container says."""
    found = {}
    for slot, container in slots.items():
        devices = json.loads(engine('exec', container, 'espalier', 'fleet', 'ps', '--json'))
        device, = devices if isinstance(devices, list) else devices['devices']
        found[slot] = (device['name'], device['mac'])
    for slot, (name, _) in found.items():
        check(name == f'device-{slot}', f'slot {slot} has {name}')
    check(len({mac for _, mac in found.values()}) == len(found), f'the same address twice: {found}')
    return found


def load_reaches(engine, count):
    def reported():
        text = engine.try_to('service', 'logs', '--raw', f'{STACK}_load').stdout
        last = text[text.rfind(f'{count} targets'):] if f'{count} targets' in text else ''
        return re.search(r'[1-9]\d* answered, 0 failed', last)
    wait_until(f'load on {count} replicas', reported)


def update(engine, image):
    """How the service's update to this image has ended."""
    engine.try_to('service', 'update', '--image', image, '--no-resolve-image', '--detach', SERVICE)

    def state():
        status = json.loads(engine('service', 'inspect', '--format', '{{json .UpdateStatus}}', SERVICE)) or {}
        return status.get('State') if status.get('State') in ('completed', 'rollback_completed', 'paused',
                                                              'rollback_paused') else None
    return wait_until('the end of the update', state)


def image_in_use(engine):
    return engine('service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}}', SERVICE)


def other_image(engine, tag, *changes):
    """The image with something else in its configuration, so that it is another one."""
    container = engine.start(NAME, '--version')
    engine('commit', *(word for change in changes for word in ('--change', change)), container, f'{NAME}:{tag}')
    engine('rm', '--force', container)
    return f'{NAME}:{tag}'


def checks(engine, espalier, source, temporary):
    engines.build_and_probe(engine, espalier, source, temporary)
    init(engine)
    images = peers.images(engine, sys.argv[3], temporary)
    print(f'beside our own: {list(images)}', flush=True)
    try:
        deploy(engine, source, images)
        first = identities(engine, running(engine, REPLICAS))
        load_reaches(engine, REPLICAS)
        if 'prometheus' in images:
            wait_until('the replicas in Prometheus', lambda: peers.ready_devices() == REPLICAS)

        # One that is killed comes back as who it was.
        slots = containers(engine, 'fleet')
        os.kill(int(engine.state(slots[2], 'Pid')), 9)
        began = time.monotonic()
        wait_until('the killed one is gone', lambda: containers(engine, 'fleet').get(2) != slots[2])
        again = running(engine, REPLICAS)
        print(f'replaced after {time.monotonic() - began:.1f} s', flush=True)
        check(again[2] != slots[2] and identities(engine, again) == first, 'not who it was')

        for count in (REPLICAS + 2, REPLICAS - 1):
            engine('service', 'scale', '--detach', f'{SERVICE}={count}')
            now = identities(engine, running(engine, count))
            check(all(now[slot] == first[slot] for slot in now.keys() & first.keys()), f'{first} {now}')

        check(update(engine, other_image(engine, 'next', 'LABEL version=next')) == 'completed', 'no update')
        now = identities(engine, running(engine, REPLICAS - 1))
        check(all(now[slot] == first[slot] for slot in now.keys() & first.keys()), f'{first} {now}')
        check(image_in_use(engine) == f'{NAME}:next', image_in_use(engine))
        # One whose program does not start.
        bad = other_image(engine, 'bad', 'ENTRYPOINT ["/usr/bin/espalier", "no-such-command"]')
        check(update(engine, bad) == 'rollback_completed', 'no roll-back')
        check(image_in_use(engine) == f'{NAME}:next', image_in_use(engine))
        running(engine, REPLICAS - 1)
    finally:
        engine.try_to('stack', 'rm', STACK)
        try:
            wait_until('the stack is gone', lambda: not engine('ps', '--all', '--quiet', '--filter',
                                                               f'name={STACK}_'))
        finally:
            engine.try_to('swarm', 'leave', '--force')


main(lambda: engines.with_engine(checks, private=True))
