# A front door to CMake and the scripts in tools/. Each target installs the Debian packages it needs.

.PHONY: build test demo clean

build:
	tools/install-deps build
	cmake --preset release
	cmake --build --preset release

test:
	tools/test

demo:
	tools/demo

clean:
	rm -rf build
