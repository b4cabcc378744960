# culvert_module(FOLDER [USES folders…] [PUBLIC targets…] [PRIVATE targets…])
# A static library from every source of the folder (not of its subfolders), named after the folder:
# proto/core → proto_core. USES names other modules; headers are included from the project's root.
function(culvert_module folder)
  cmake_parse_arguments(ARG "" "" "USES;PUBLIC;PRIVATE" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${name} ${scope} ${CMAKE_SOURCE_DIR})
  foreach(used ${ARG_USES})
    string(REPLACE "/" "_" used_name ${used})
    target_link_libraries(${name} ${scope} ${used_name})
  endforeach()
  if(sources)
    target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} culvert_warnings)
  else()
    target_link_libraries(${name} INTERFACE ${ARG_PUBLIC})
  endif()
endfunction()

# culvert_program(NAME FOLDER USES modules… PRIVATE targets…): FOLDER/main.cpp and its modules. All
# that is installed for a program is the component NAME, which is the package NAME.
function(culvert_program name folder)
  cmake_parse_arguments(ARG "" "" "USES;PRIVATE" ${ARGN})
  add_executable(${name} ${CMAKE_SOURCE_DIR}/${folder}/main.cpp)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  foreach(used ${ARG_USES})
    string(REPLACE "/" "_" used_name ${used})
    target_link_libraries(${name} PRIVATE ${used_name})
  endforeach()
  target_link_libraries(${name} PRIVATE ${ARG_PRIVATE} culvert_warnings)
  install(TARGETS ${name} COMPONENT ${name})
endfunction()

# culvert_deploy(PROGRAM NAME UNITS files… EXAMPLES files…): units, the system user culvert-NAME of
# deploy/culvert-NAME.sysusers, and examples of the configuration.
function(culvert_deploy program name)
  cmake_parse_arguments(ARG "" "" "UNITS;USER_UNITS;EXAMPLES" ${ARGN})
  install(FILES ${ARG_UNITS} DESTINATION lib/systemd/system COMPONENT ${program})
  if(ARG_USER_UNITS)
    install(FILES ${ARG_USER_UNITS} DESTINATION lib/systemd/user COMPONENT ${program})
  endif()
  install(FILES deploy/culvert-${name}.sysusers DESTINATION lib/sysusers.d
          RENAME culvert-${name}.conf COMPONENT ${program})
  install(FILES ${ARG_EXAMPLES} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${program}/examples
          COMPONENT ${program})
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${program}
          RENAME copyright COMPONENT ${program})
endfunction()

# culvert_pages(PROGRAM): its manual page and completions, beside bin/ in share/, as the program
# itself writes them.
function(culvert_pages program)
  set(share ${CMAKE_BINARY_DIR}/share)
  set(bash ${share}/bash-completion/completions)
  set(zsh ${share}/zsh/site-functions)
  set(fish ${share}/fish/vendor_completions.d)
  file(MAKE_DIRECTORY ${share}/man/man1 ${bash} ${zsh} ${fish})
  add_custom_command(TARGET ${program} POST_BUILD VERBATIM
    COMMAND ${program} man > ${share}/man/man1/${program}.1
    COMMAND ${program} completion bash > ${bash}/${program}
    COMMAND ${program} completion zsh > ${zsh}/_${program}
    COMMAND ${program} completion fish > ${fish}/${program}.fish)
  install(FILES ${share}/man/man1/${program}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          COMPONENT ${program})
  install(FILES ${bash}/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          COMPONENT ${program})
  install(FILES ${zsh}/_${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions
          COMPONENT ${program})
  install(FILES ${fish}/${program}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
          COMPONENT ${program})
endfunction()

# culvert_tests(FOLDER USES modules…): the Catch2 sources of tests/FOLDER, as part of the one binary
# `culvert_tests` and, for working on one module, as its own: proto/core → test_proto_core.
function(culvert_tests folder)
  cmake_parse_arguments(ARG "" "" "USES;PRIVATE" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.cpp
       ${CMAKE_SOURCE_DIR}/tests/${folder}/*_support.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(tests_${name} OBJECT ${sources})
  target_include_directories(tests_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_definitions(tests_${name} PRIVATE
    CULVERT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CULVERT_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  # Assertions macros dominate compile time: what is tested is optimised, the tests are not.
  target_compile_options(tests_${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  target_link_libraries(tests_${name} PUBLIC Catch2::Catch2 culvert_warnings ${ARG_PRIVATE})
  foreach(used ${ARG_USES})
    string(REPLACE "/" "_" used_name ${used})
    target_link_libraries(tests_${name} PUBLIC ${used_name})
  endforeach()
  add_executable(test_${name} EXCLUDE_FROM_ALL)
  target_link_libraries(test_${name} PRIVATE tests_${name} catch_main)
  target_link_libraries(culvert_tests PRIVATE tests_${name})
endfunction()

# culvert_fuzz(NAME SOURCE USES modules…): a libFuzzer target with its corpus in tests/fuzz/corpus/NAME.
# Without CULVERT_FUZZ the same source replays the corpus once, as a ctest, under any compiler.
function(culvert_fuzz name source)
  cmake_parse_arguments(ARG "" "" "USES;PRIVATE" ${ARGN})
  set(extra)
  if(NOT CULVERT_FUZZ)
    set(extra ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
  endif()
  add_executable(fuzz_${name} ${source} ${extra})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  foreach(used ${ARG_USES})
    string(REPLACE "/" "_" used_name ${used})
    target_link_libraries(fuzz_${name} PRIVATE ${used_name})
  endforeach()
  target_link_libraries(fuzz_${name} PRIVATE culvert_warnings ${ARG_PRIVATE})
  if(CULVERT_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_test(NAME fuzz.${name}
             COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
endfunction()
