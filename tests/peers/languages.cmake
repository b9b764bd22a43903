# What `clean.languages` makes of real texts.
add_executable(language_of_lines ${CMAKE_CURRENT_LIST_DIR}/language_of_lines.cpp)
target_link_libraries(language_of_lines PRIVATE data)
broadsheet_peer_test(languages languages.py $<TARGET_FILE:language_of_lines>)
