"""Pairing patients who opted in, by symptoms that nobody else sees; the two get an authenticated session."""
