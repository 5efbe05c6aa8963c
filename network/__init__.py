"""The roles on different machines: server, client, and the services of proxies and issuers.

A reader follows a request by file names: ``invitation -> joining -> client/transport -> signatures -> server/app ->
server/ledger``; ``wire`` names every path and size.
"""
