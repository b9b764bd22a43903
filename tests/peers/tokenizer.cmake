add_executable(tokenize_lines ${CMAKE_CURRENT_LIST_DIR}/tokenize_lines.cpp)
target_link_libraries(tokenize_lines PRIVATE data)
foreach(part corpora random code_points pairs decode)
  broadsheet_peer_test(tokenizer.${part} tokenizer_parity.py $<TARGET_FILE:tokenize_lines> ${part})
endforeach()
# All of it in one: most of its time goes into training the tokenizers.
broadsheet_peer_test(bpe bpe_parity.py $<TARGET_FILE:tokenize_lines>)
broadsheet_peer_test(ranks ranks_parity.py $<TARGET_FILE:tokenize_lines>)
# Ours against them on the clock, for benchmarks/corpus/tokenizers/run.sh.
add_executable(tokenize_texts ${PROJECT_SOURCE_DIR}/benchmarks/corpus/tokenizers/tokenize_texts.cpp)
target_link_libraries(tokenize_texts PRIVATE data)
target_precompile_headers(tokenize_texts REUSE_FROM broadsheet_pch)
broadsheet_peer_test(tokenizer_training tokenizer_training.py $<TARGET_FILE:broadsheet> $<TARGET_FILE:tokenize_lines>)
