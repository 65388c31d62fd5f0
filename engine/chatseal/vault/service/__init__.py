"""The vault's service over HTTP. Each part knows those below it.

server    listening, TLS, stopping        app      routes, limits, headers        pages   the files served at /
desk      bytes to bytes: rates, who asks, signing                                openapi, metrics, journal
"""
