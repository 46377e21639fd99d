"""What the operator sees: logs and mail about them. Of Moorage it imports `printable` only.

The modules:

    logging   the log: events as lines of text, JSON or for logstash; read first
    context   which request a line belongs to, and the fields that describe it
    access    the access log: a line for each request
    shown     what may be shown of a request: nothing that would authorize another one
    redaction exception texts without the client's credentials; `traces` formats tracebacks with them
    outputs   where lines go, each place opened once
    files     files, which may be moved away or fill up
    streams   pipes, sockets and terminals, whose readers may stop reading; `turns` keeps their lines apart
    journal   what systemd's journal reads at the beginning of a line
    mail      mail about what is logged; `gathered` holds what waits for the next one, `smtp` sends it
    losses    how often any of this failed, counted over all processes
    outward   the trace headers of requests that this process sends
"""
