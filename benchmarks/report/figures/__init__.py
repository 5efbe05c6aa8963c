"""Figures of reports: each file draws one case's, from its lines; readable in grey and by colour-blind readers."""
