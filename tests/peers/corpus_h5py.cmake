# docs/corpus_format.md is enough to read a corpus: a test does it with h5py.
add_executable(prepare_rows ${CMAKE_CURRENT_LIST_DIR}/prepare_rows.cpp)
target_link_libraries(prepare_rows PRIVATE data)
broadsheet_peer_test(near_duplicates near_duplicates.py $<TARGET_FILE:prepare_rows>)
broadsheet_peer_test(corpus_h5py corpus_h5py.py $<TARGET_FILE:prepare_rows>)
# Ours against them on the clock, for benchmarks/corpus/reads/run.sh.
add_executable(read_batches ${PROJECT_SOURCE_DIR}/benchmarks/corpus/reads/read_batches.cpp)
target_link_libraries(read_batches PRIVATE data)
target_precompile_headers(read_batches REUSE_FROM broadsheet_pch)
