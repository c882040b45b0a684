# A front door to CMake and the scripts in tools/. Each target installs the Debian packages it needs.

.PHONY: build test demo bench soak image image-idf install clean

build:
	tools/install-deps build
	cmake --preset release
	cmake --build --preset release

test:
	tools/test

demo:
	tools/demo

# More of it: make bench ARGS="--long --only http"; see bench/bench.py --help.
bench:
	tools/install-deps build
	cmake --preset release
	cmake --build --preset release --target espalier bench_native
	bench/bench.py $(ARGS)

# A day of the devices' time, in as many minutes as it takes: make soak ARGS="--hours 1"; see tests/soak/soak.py.
soak: build
	tests/soak/soak.py build/release/espalier $(ARGS)

# One more name, for scripts that ask for QEMU's image: make image TAGS="espalier:latest esp-qemu:latest".
image:
	tools/container-image $(TAGS)

# ESP-IDF's image (IDF_BASE=..., which is downloaded) with the program in it, for those who build firmware there.
image-idf:
	TARGET=idf tools/container-image $(TAGS)

# The program, and qemu-system-xtensa as another name of it: make install PREFIX=$HOME/.local
PREFIX ?= /usr/local
install: build
	cmake --install build/release --strip --prefix $(PREFIX)

clean:
	rm -rf build
