#!/usr/bin/env python3
"""Builds guest/esp-idf/storage with the ESP-IDF of this shell, and cuts its power again and again.

usage: storage_test.py ESP32_TESTS PROJECT BUILD

ESP32_TESTS is the test program of src/esp32; $ESPALIER_POWER_CUTS and $ESPALIER_POWER_CUT_SEED are its. BUILD is kept.
"""
import os
import subprocess
import sys

from idf_build import build


def main():
    tests, project, folder = (os.path.abspath(argument) for argument in sys.argv[1:4])
    build(project, folder, 'sdkconfig.defaults')
    done = subprocess.run([tests, '--gtest_filter=PowerCutFirmware.NvsAndSpiffs*'], check=False,
                          env=dict(os.environ, ESPALIER_STORAGE_BUILD=folder))
    sys.exit(done.returncode)


if __name__ == '__main__':
    main()
