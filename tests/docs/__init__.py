"""The pages are right: what they show can be done, and what they name is there.

Read first: pages.py.
"""
