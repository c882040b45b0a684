# A front door to CMake and the scripts in tools/. Each target installs the Debian packages it needs.

.PHONY: build test demo bench image clean

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
	cmake --build --preset release --target espalier bench_native http_load
	bench/bench.py $(ARGS)

image:
	tools/container-image

clean:
	rm -rf build
