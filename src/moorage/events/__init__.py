"""Notifications about what happened: events, the queue that keeps them, and their delivery to endpoints.

Read `base` first, then `queue` (storage), `publisher` (in), `delivery` and `sending` (out).

The contract
    base          events as values, and what a sink promises
    samples       events to test an endpoint with

In
    publisher     from handlers to the queue
    outages       which endpoints are losing events

Storage
    queue         the events that wait
    database      its file
    locking       excludes other writers of the file
    rows          the tables in the file, and their SQL
    pending       delivered events that could not be removed yet
    unwritten     counts that could not be written yet, for all workers
    filesystems   whether the file would be on a network file system

Out
    delivering    the one process of a node that delivers
    bell          wakes that process
    delivery      delivers to one endpoint
    circuit       when to retry
    complaints    what is logged about an endpoint that fails
    replaying     delivers on demand

One request
    sending       one POST
    endpoint      where it goes, and how
    formats       its body
    signature     its signature
    redirects     where a redirect leads
    resolver      where names lead
    addresses     networks to which nothing is sent
    outcome       what came of it
    statuses      how a status is spelled
"""
