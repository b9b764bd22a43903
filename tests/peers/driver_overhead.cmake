# What the sweep's driver does for a trial, for benchmarks/sweep/overhead/run.sh.
add_executable(driver_overhead ${PROJECT_SOURCE_DIR}/benchmarks/sweep/overhead/driver_overhead.cpp)
target_link_libraries(driver_overhead PRIVATE experiments)
target_precompile_headers(driver_overhead REUSE_FROM broadsheet_pch)
