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

bench:
	tools/install-deps build
	cmake --preset release -DESPALIER_BENCH=ON
	cmake --build --preset release --target interpreter_bench
	build/release/bench/interpreter_bench

image:
	tools/container-image

clean:
	rm -rf build
