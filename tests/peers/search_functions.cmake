# Our samplers on published functions, for benchmarks/sweep/search/run.sh.
add_executable(search_functions ${PROJECT_SOURCE_DIR}/benchmarks/sweep/search/search_functions.cpp)
target_link_libraries(search_functions PRIVATE experiments)
target_precompile_headers(search_functions REUSE_FROM broadsheet_pch)
add_executable(search_table ${PROJECT_SOURCE_DIR}/benchmarks/sweep/search/search_table.cpp)
target_link_libraries(search_table PRIVATE experiments)
target_precompile_headers(search_table REUSE_FROM broadsheet_pch)
