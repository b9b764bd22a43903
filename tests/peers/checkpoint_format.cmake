# docs/checkpoint_format.md is enough to verify a checkpoint: its own code does.
add_executable(checkpoint_files ${CMAKE_CURRENT_LIST_DIR}/checkpoint_files.cpp)
target_link_libraries(checkpoint_files PRIVATE checkpoints)
broadsheet_peer_test(checkpoint_format checkpoint_format.py $<TARGET_FILE:checkpoint_files> ${PROJECT_SOURCE_DIR}/docs/checkpoint_format.md)
