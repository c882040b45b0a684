"""Images of Debian's Mosquitto and Prometheus, in place of the public ones that the sets in deploy/ name and that cannot
be downloaded by a test."""
import json
import pathlib
import urllib.request

import engine as engines


def images(engine, folder, temporary):
    """Service to image, of those that there are: peers.sh has brought them to `folder`."""
    folder = pathlib.Path(folder)
    if not (folder / 'complete').exists():
        return {}
    libraries = [folder / 'usr/lib/x86_64-linux-gnu', folder / 'lib/x86_64-linux-gnu']
    found = {}
    for service, program, changes in (
            ('broker', 'usr/sbin/mosquitto',
             ['ENTRYPOINT ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]']),
            ('prometheus', 'usr/bin/prometheus', ['ENTRYPOINT ["/usr/bin/prometheus"]'])):
        root = pathlib.Path(temporary, service)
        if not engines.root_of({f'/{program}': folder / program}, root, libraries):
            continue
        for place in ('etc', 'tmp', 'prometheus', 'mosquitto/config', 'run/secrets'):
            (root / place).mkdir(parents=True, exist_ok=True)
        (root / 'etc/passwd').write_text('root:x:0:0::/:/bin/sh\nmosquitto:x:1883:1883::/:/bin/sh\n')
        (root / 'etc/group').write_text('root:x:0:\nmosquitto:x:1883:\n')
        found[service] = engines.import_root(engine, root, f'{engines.NAME}-{service}', *changes)
    return found


def ready_devices():
    """How many devices Prometheus, at the port that the sets publish, knows to be ready."""
    try:
        with urllib.request.urlopen('http://127.0.0.1:9090/api/v1/query?query=sum(espalier_devices_ready)',
                                    timeout=5) as answer:
            result = json.load(answer)['data']['result']
    except OSError:
        return None
    return int(result[0]['value'][1]) if result else None
