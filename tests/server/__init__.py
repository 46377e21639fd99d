"""The process: listening sockets, certificates and their replacement, HTTP/2, and connections that do nothing."""
