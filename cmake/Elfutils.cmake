# elfutils' libelf and libdw, as the target espalier_elfutils: archives, since a program needs a hundred kilobytes of
# them, and libdw as a shared library would bring liblzma and libbz2 to every start.
find_package(ZLIB REQUIRED)
find_library(ESPALIER_LIBDW libdw.a REQUIRED)
find_library(ESPALIER_LIBELF libelf.a REQUIRED)
add_library(espalier_elfutils INTERFACE)
target_link_libraries(espalier_elfutils INTERFACE ${ESPALIER_LIBDW} ${ESPALIER_LIBELF} ZLIB::ZLIB)
