"""The storage case: systems side by side on one server, what they move, what that costs."""
