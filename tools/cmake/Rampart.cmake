# The shapes that targets of this project have.

# rampart_library(NAME SRCS ... DEPS ...): static library rampart_NAME.
function(rampart_library name)
  cmake_parse_arguments(arg "" "" "SRCS;DEPS" ${ARGN})
  if(arg_SRCS)
    add_library(rampart_${name} STATIC ${arg_SRCS})
    target_link_libraries(rampart_${name} PUBLIC ${arg_DEPS})
  else()
    add_library(rampart_${name} INTERFACE)
    target_link_libraries(rampart_${name} INTERFACE ${arg_DEPS})
  endif()
endfunction()

# rampart_test(NAME SRCS ... DEPS ... [ROOT] [TIMEOUT s]): a GoogleTest binary
# run as one CTest. ROOT: needs root and BPF; such tests make namespaces and a
# bpffs of their own, so they run side by side. Tests are compiled unoptimised and with one precompiled
# header: half the time of the whole build.
function(rampart_test name)
  cmake_parse_arguments(arg "ROOT" "TIMEOUT" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${arg_SRCS})
  target_compile_options(${name} PRIVATE -O0)
  target_precompile_headers(${name} REUSE_FROM rampart_test_headers)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock
                                        GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                           ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  if(arg_ROOT)
    set_tests_properties(${name} PROPERTIES LABELS root)
  endif()
endfunction()

# bpf_object(NAME): compiles NAME.bpf.c of this folder with RAMPART_BPF_CLANG
# and makes the library rampart_skeleton_NAME with NAME.skel.h. The depfile
# makes edits of headers rebuild it.
find_program(RAMPART_BPF_CLANG NAMES clang-19 clang-14 REQUIRED)
find_program(RAMPART_BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)
function(bpf_object name)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  # -mcpu=v3: 32-bit registers and atomics with a result, Linux 5.12.
  add_custom_command(
    OUTPUT ${object}
    COMMAND
      ${RAMPART_BPF_CLANG} -target bpf -mcpu=v3 -g -O2 -std=gnu11 -Wall -Wextra
      $<$<BOOL:${RAMPART_WERROR}>:-Werror> -I${CMAKE_SOURCE_DIR}
      -I/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE} -MD -MF ${object}.d -MT
      ${object} -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "BPF ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${RAMPART_BPFTOOL} gen object ${object}.stripped ${object}
    COMMAND sh -c
            "'${RAMPART_BPFTOOL}' gen skeleton '${object}.stripped' name ${name}_bpf > '${skeleton}.tmp' && mv '${skeleton}.tmp' '${skeleton}'"
    DEPENDS ${object}
    COMMENT "BPF skeleton ${name}"
    VERBATIM)
  add_custom_target(${name}_skeleton ALL DEPENDS ${skeleton})
  add_library(rampart_skeleton_${name} INTERFACE)
  add_dependencies(rampart_skeleton_${name} ${name}_skeleton)
  target_include_directories(rampart_skeleton_${name} SYSTEM
                             INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(rampart_skeleton_${name} INTERFACE PkgConfig::LIBBPF)
endfunction()
