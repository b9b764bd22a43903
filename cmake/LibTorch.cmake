# LibTorch as imported targets of our own. The wheel's TorchConfig.cmake demands a CUDA toolkit even for a CPU build.
# LIBTORCH_ROOT: a folder with include/torch and lib/libtorch_cpu.so (an unpacked wheel's torch/, or LibTorch).
set(LIBTORCH_ROOT "$ENV{LIBTORCH_ROOT}" CACHE PATH "folder with include/torch and lib/libtorch_cpu.so")
find_library(TORCH_CPU_LIBRARY torch_cpu PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH NO_CACHE)
find_library(C10_LIBRARY c10 PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH NO_CACHE)
if(NOT TORCH_CPU_LIBRARY OR NOT C10_LIBRARY)
  message(FATAL_ERROR "LIBTORCH_ROOT=${LIBTORCH_ROOT}: lib/libtorch_cpu.so not found; run ./dev build, or set LIBTORCH_ROOT to an existing PyTorch or LibTorch folder")
endif()
add_library(broadsheet_torch INTERFACE)
target_include_directories(broadsheet_torch SYSTEM INTERFACE ${LIBTORCH_ROOT}/include ${LIBTORCH_ROOT}/include/torch/csrc/api/include)
target_link_libraries(broadsheet_torch INTERFACE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY})
# libtorch_cpu.so finds libcudart and libcupti beside the wheel through its own rpath; the linker needs the hint.
set(NVIDIA_LIBRARY_DIR ${LIBTORCH_ROOT}/../nvidia/cu13/lib)
if(EXISTS ${NVIDIA_LIBRARY_DIR})
  target_link_options(broadsheet_torch INTERFACE -Wl,-rpath-link,${NVIDIA_LIBRARY_DIR})
endif()
target_compile_definitions(broadsheet_torch INTERFACE USE_DISTRIBUTED USE_C10D)
