# What every target of ours shares: warnings as errors, hardening, mold, ccache; and one helper per kind of target.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()
# Most of the time goes into headers: batches read them once. Sources with options of their own stay by themselves.
if(BROADSHEET_UNITY GREATER 1)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE ${BROADSHEET_UNITY})
endif()
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache refuses precompiled headers unless told that times do not matter.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_DEPEND=1 ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)

add_library(broadsheet_options INTERFACE)
target_include_directories(broadsheet_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
# -fPIE for libraries and programs alike: a precompiled header serves only targets compiled with the same flags.
target_compile_options(broadsheet_options INTERFACE -Wall -Wextra -Wshadow -Werror -fPIE -fstack-protector-strong $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
target_link_options(broadsheet_options INTERFACE -pie -Wl,--as-needed -Wl,-z,relro -Wl,-z,now)
if(MOLD_PROGRAM)
  target_link_options(broadsheet_options INTERFACE -fuse-ld=mold)
endif()
if(BROADSHEET_SANITIZE)
  target_compile_options(broadsheet_options INTERFACE -fsanitize=${BROADSHEET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # Under sanitizers g++ 12 calls parts of std::regex uninitialised (its manual says that such warnings may be false).
  target_compile_options(broadsheet_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(broadsheet_options INTERFACE -fsanitize=${BROADSHEET_SANITIZE})
else()
  target_compile_definitions(broadsheet_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()

find_package(nlohmann_json REQUIRED)
add_library(broadsheet_pch STATIC ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(broadsheet_pch PRIVATE broadsheet_options nlohmann_json::nlohmann_json)
target_precompile_headers(broadsheet_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)

# broadsheet_layer(NAME SOURCES ... LINK ...): one static library per folder. All .cpp files under the folder
# belong to it unless SOURCES names them.
function(broadsheet_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB_RECURSE ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  if(NOT ARG_SOURCES)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE broadsheet_options ${ARG_LINK})
  else()
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC broadsheet_options ${ARG_LINK})
    # The trainer has a precompiled header of its own, with LibTorch in it.
    if(NOT (name STREQUAL trainer AND BROADSHEET_TORCH))
      target_precompile_headers(${name} REUSE_FROM broadsheet_pch)
    endif()
  endif()
  add_library(broadsheet::${name} ALIAS ${name})
endfunction()
