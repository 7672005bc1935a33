# How rooms, tests and fuzz targets are declared; see docs/architecture.md for what a room is.

set(TJ_ROOMS base text nn infer grade task tree thought train eval trace store stage report web)

set(TJ_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wdouble-promotion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wcast-qual
    -Wformat=2)

# What every C file of ours is compiled with. -ffp-contract=off: fusing is written as fmaf, so that
# the same source gives the same bits (docs/architecture.md, "Determinism").
add_library(tj_flags INTERFACE)
target_compile_options(tj_flags INTERFACE ${TJ_WARNINGS} -ffp-contract=off -fno-math-errno)
target_compile_definitions(tj_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_include_directories(tj_flags INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/src)
if(TJ_WERROR)
    target_compile_options(tj_flags INTERFACE -Werror)
endif()
if(TJ_SANITIZE)
    target_compile_options(tj_flags INTERFACE -fsanitize=${TJ_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(tj_flags INTERFACE -fsanitize=${TJ_SANITIZE})
endif()
if(TJ_FUZZ)
    target_compile_options(tj_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TJ_OPENMP)
    find_package(OpenMP REQUIRED)
    target_link_libraries(tj_flags INTERFACE OpenMP::OpenMP_C)
endif()

# tj_room(NAME SOURCES a.c b.c [LIBS PkgConfig::X ...]): one room, compiled once as objects.
function(tj_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LIBS" ${ARGN})
    add_library(tj_${name} OBJECT ${ROOM_SOURCES})
    target_link_libraries(tj_${name} PUBLIC tj_flags ${ROOM_LIBS})
    set_property(TARGET tj_${name} PROPERTY POSITION_INDEPENDENT_CODE ON)
    set_property(GLOBAL APPEND PROPERTY TJ_ROOM_TARGETS tj_${name})
    set_property(GLOBAL APPEND PROPERTY TJ_ROOM_LIBS ${ROOM_LIBS})
endfunction()

# tj_slow_test(NAME FILE VARIABLE=VALUE ...): a test program again with more to do, under the label
# slow: `make check-slow` runs it.
function(tj_slow_test name file)
    add_test(NAME ${name} COMMAND ${file} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 3000 LABELS slow
        ENVIRONMENT "OMP_WAIT_POLICY=passive;${ARGN}")
endfunction()

# libtabiji: all rooms but cli.
function(tj_library)
    get_property(targets GLOBAL PROPERTY TJ_ROOM_TARGETS)
    get_property(libs GLOBAL PROPERTY TJ_ROOM_LIBS)
    set(objects)
    foreach(target IN LISTS targets)
        list(APPEND objects $<TARGET_OBJECTS:${target}>)
    endforeach()
    add_library(tabiji STATIC ${objects})
    target_link_libraries(tabiji PUBLIC tj_flags ${libs} m)
endfunction()

# libtabiji for others: the archive, the public headers (each room's own with those of the room that it
# includes, all of base), tabiji.pc.
function(tj_install_library)
    install(TARGETS tabiji ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    foreach(room IN LISTS TJ_ROOMS)
        set(headers ${CMAKE_SOURCE_DIR}/src/${room}/${room}.h)
        if(room STREQUAL base)
            file(GLOB headers ${CMAKE_SOURCE_DIR}/src/base/*.h)
            list(FILTER headers EXCLUDE REGEX "/(lanes|pattern_pcre2)\\.h$") # for our own sources only
        elseif(EXISTS ${headers})
            file(STRINGS ${headers} parts REGEX "^#include \"${room}/")
            foreach(part IN LISTS parts)
                string(REGEX REPLACE ".*\"(.*)\".*" "${CMAKE_SOURCE_DIR}/src/\\1" part ${part})
                list(APPEND headers ${part})
            endforeach()
        endif()
        foreach(header IN LISTS headers)
            if(EXISTS ${header})
                install(FILES ${header}
                    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tabiji/${room})
            endif()
        endforeach()
    endforeach()
    configure_file(${CMAKE_SOURCE_DIR}/cmake/tabiji.pc.in ${CMAKE_BINARY_DIR}/tabiji.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/tabiji.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# tj_test(FILE [LABEL slow|real] [COST seconds]): tests/<room>/<FILE>.c, a cmocka program of that name.
# Of tests that run at once the longest should start first; COST tells a build that has not run any.
function(tj_test file)
    cmake_parse_arguments(TEST "" "LABEL;COST" "SOURCES" ${ARGN})
    add_executable(${file} ${file}.c ${TEST_SOURCES})
    target_include_directories(${file} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${file} PRIVATE tabiji cmocka)
    add_test(NAME ${file} COMMAND ${file} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    # several tests run at once: threads that wait busily would only slow the others down
    set(environment OMP_WAIT_POLICY=passive)
    if(NOT TJ_OPENMP)
        # oneDNN would still make threads of its own, which a forked child lacks and waits for
        list(APPEND environment OMP_NUM_THREADS=1)
    endif()
    set_tests_properties(${file} PROPERTIES TIMEOUT 400 ENVIRONMENT "${environment}")
    if(TEST_COST)
        set_tests_properties(${file} PROPERTIES COST ${TEST_COST})
    endif()
    if(TEST_LABEL)
        set_tests_properties(${file} PROPERTIES LABELS ${TEST_LABEL}
            SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\] [0-9]+ test")
    endif()
endfunction()
