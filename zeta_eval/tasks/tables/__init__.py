"""Makes tasks of tables as people have them: files, folders, saved data sets and hub ids, without code."""
