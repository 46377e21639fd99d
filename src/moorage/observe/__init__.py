"""What the operator sees. Imports nothing of the package.

Where to look:

    logging   the log: events as lines of text, JSON or for logstash; read first
    context   which request a line belongs to, and the fields that tell of it
    access    the access log: a line for each request
    shown     what may be shown of a request, which holds nothing by which one could act for somebody
    redaction texts of exceptions without what a client sent to be let in; `traces` are tracebacks of such texts
    files     where lines go: streams and files, which may be moved away or fill up
    mail      mail about what is logged; `gathered` is what waits for the next one, `smtp` sends it
    losses    how often any of this failed, counted over all processes
    outward   which trace the requests belong to that we send to others
"""
