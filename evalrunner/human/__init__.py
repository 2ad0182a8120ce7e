"""Blind evaluation by people: which cases, which tasks, in which form, and their answers back.

What raters get (`tasks.jsonl`, forms, the page) holds no origin of any output; the key that names
it stays in the run directory.
"""
