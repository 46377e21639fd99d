"""What happened reaches whoever wants to know, whatever becomes of them and of the server.

Read first: listener.py.
"""
