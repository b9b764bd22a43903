# The program from end to end, judged by other readers.
broadsheet_peer_test(load_exported load_exported.py end_to_end $<TARGET_FILE:broadsheet> $<TARGET_FILE:tokenize_lines>)
broadsheet_peer_test(tensorboard_reader tensorboard_reader.py end_to_end $<TARGET_FILE:broadsheet>)
