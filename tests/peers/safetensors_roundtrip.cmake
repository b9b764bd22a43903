# Files that we write load in the safetensors package and the other way round; both refuse the same damage.
add_executable(safetensors_files ${CMAKE_CURRENT_LIST_DIR}/safetensors_files.cpp)
target_link_libraries(safetensors_files PRIVATE checkpoints)
broadsheet_peer_test(safetensors_roundtrip safetensors_roundtrip.py $<TARGET_FILE:safetensors_files>)
