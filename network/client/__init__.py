"""The client's side: what use cases ask for, over HTTP; nothing that a server says is believed unverified."""
