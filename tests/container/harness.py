"""What the tests of the container share: skipping, asking the guest's web server, waiting."""
import subprocess
import sys
import time
import urllib.request

SKIPPED = 77
LIMIT = 25_000_000  # bytes of an image
PATIENCE = 60  # seconds for a guest to answer; a busy host is slow
AT_ONCE = 2  # seconds that an end may take


class Skip(Exception):
    """What the test needs is not to be had here."""


class Failure(Exception):
    """What is tested does not do what it should."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def run(command, **options):
    print('+', ' '.join(map(str, command)), flush=True)
    if 'input' not in options:
        options['stdin'] = subprocess.DEVNULL
    return subprocess.run(command, text=True, capture_output=True, **options)


def succeed(command, **options):
    done = run(command, **options)
    check(done.returncode == 0, f'exit code {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout.strip()


def expect_hello(port, alive):
    """Asks for /hello until there is an answer; `alive` says whether anybody is left to give it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/hello', timeout=5) as answer:
                body = answer.read().decode()
            break
        except OSError as error:
            check(alive(), f'the emulator has ended: {error}')
            check(time.monotonic() < deadline, f'no answer from port {port} within {PATIENCE} s: {error}')
            time.sleep(0.1)
    check(body.strip() == 'Hello World!', f'/hello answered {body!r}')
    print(f'port {port} answers {body.strip()!r}', flush=True)


def wait_until(what, done):
    """Asks again and again until the answer is something, which it returns."""
    deadline = time.monotonic() + PATIENCE
    while not (found := done()):
        check(time.monotonic() < deadline, f'not within {PATIENCE} s: {what}')
        time.sleep(0.1)
    return found


def main(test):
    """Runs a test and turns how it ends into an exit code."""
    try:
        test()
    except Skip as reason:
        print(f'SKIPPED: {reason}')
        sys.exit(SKIPPED)
    except Failure as failure:
        print(f'FAILED: {failure}')
        sys.exit(1)
    print('passed')
