# TensorBoard's own reader sees one unbroken step axis, however often the run died.
add_executable(tracked_run ${CMAKE_CURRENT_LIST_DIR}/tracked_run.cpp)
target_link_libraries(tracked_run PRIVATE experiments)
broadsheet_peer_test(tracking_resume tracking_resume.py $<TARGET_FILE:tracked_run>)
