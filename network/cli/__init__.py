"""The commands of ``network``: serving, inviting, joining, and a member's address book."""
